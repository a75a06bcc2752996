"""Stakeholder impact: quantities of grid, operator and drivers before and after a change, as tables show them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StakeholderImpact:
    """Value of one quantity for one stakeholder before and after a change.

    Attributes
    ----------
    stakeholder : str
        Who is affected, such as ``"grid"`` or ``"operator"``.
    quantity : str
        Name of the quantity, such as ``"peak load"``.
    unit : str
        Unit of both values.
    before, after : float
        Value without and with the change [``unit``].
    better : "lower", "higher" or ""
        Direction that is an advantage for the stakeholder; ``""`` if neither is.

    Examples
    --------
    >>> StakeholderImpact("grid", "peak load", "MW", 120.0, 110.0, "lower").improves
    True
    """

    stakeholder: str
    quantity: str
    unit: str
    before: float
    after: float
    better: str

    @property
    def improves(self) -> bool | None:
        """Whether the change is an advantage; None if neither direction is one, or the values agree to a millionth."""
        change = self.after - self.before
        if not self.better or abs(change) <= 1e-6 * max(abs(self.before), 1.0):
            return None
        return bool(change < 0) == (self.better == "lower")


def impact_rows(lines: list[StakeholderImpact]) -> list[dict[str, object]]:
    """Return one plain row for each impact, with its change, for CSV, JSON and pages."""
    return [
        {
            "stakeholder": one.stakeholder,
            "quantity": one.quantity,
            "unit": one.unit,
            "before": one.before,
            "after": one.after,
            "change": one.after - one.before,
            "improves": {True: "yes", False: "no", None: ""}[one.improves],
        }
        for one in lines
    ]
