"""The ZDT benchmark family (Zitzler, Deb, Thiele 2000) with shifted and rotated twins and offline Pareto fronts."""

from __future__ import annotations

from csmoifsa.errors import InputError

__all__ = ["PROBLEMS"]

PROBLEMS: dict[str, str | InputError] = {
    f"zdt{number}{suffix}": f"csmoifsa_zdt.problems:{prefix}ZDT{number}"
    for suffix, prefix in (("", ""), ("-shifted", "Shifted"), ("-rotated", "Rotated"))
    for number in (1, 2, 3, 4, 6)
}
"""Names of problems, each with where it is imported from when asked for."""

PROBLEMS["zdt5"] = InputError(
    "problem 'zdt5' is binary, but pymoo declares its variables as real numbers, so that a search would return "
    "fractions; choose zdt1, zdt2, zdt3, zdt4 or zdt6"
)
