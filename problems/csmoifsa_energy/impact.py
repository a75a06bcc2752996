"""Lines of an account: who gains or loses how much, by which measure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Gain:
    """One line of the account.

    Attributes
    ----------
    who, what, unit : str
        Whose, of what, in what.
    before, after : float
        Without and with the tariff.
    better : "lower", "higher" or ""
        In which direction lies the advantage.
    """

    who: str
    what: str
    unit: str
    before: float
    after: float
    better: str

    @property
    def gains(self) -> bool | None:
        """Whether it gains; None where neither direction is an advantage, or nothing changes."""
        change = self.after - self.before
        if not self.better or abs(change) <= 1e-9 * max(abs(self.before), 1.0):
            return None
        return bool(change < 0) == (self.better == "lower")


def gains_rows(lines: list[Gain]) -> list[dict[str, Any]]:
    """Return the account as plain rows for tables and JSON."""
    return [
        {
            "who": one.who,
            "what": one.what,
            "unit": one.unit,
            "before": one.before,
            "after": one.after,
            "change": one.after - one.before,
            "gains": {True: "yes", False: "no", None: ""}[one.gains],
        }
        for one in lines
    ]
