"""RE and CRE: real-world problems by Tanabe and Ishibuchi (2020), 16 without constraints and 8 with."""

from __future__ import annotations

__all__ = ["PROBLEMS"]

_RE = (21, 22, 23, 24, 25, 31, 32, 33, 34, 35, 36, 37, 41, 42, 61, 91)
_CRE = (21, 22, 23, 24, 25, 31, 32, 51)

PROBLEMS = {
    **{f"re{number}": f"csmoifsa_re.problems:RE{number}" for number in _RE},
    **{f"cre{number}": f"csmoifsa_re.problems:CRE{number}" for number in _CRE},
}
"""Names of problems, each with where it is imported from when asked for."""
