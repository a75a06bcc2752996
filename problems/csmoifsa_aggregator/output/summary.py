"""What ``summary.json`` of `csmoifsa ev aggregate` and `roll` holds, by key; see `tables` for how it is made."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from csmoifsa_aggregator.study.baselines import AccountRow
from csmoifsa_aggregator.study.grid import Gain, GridEffect, GridRow
from csmoifsa_aggregator.study.study import PriceRules


class DayAccountRow(AccountRow):
    """Account of one way to run the day, with what it breaks.

    Attributes
    ----------
    hours_outside_bounds : float
        Time in which its price lies outside the bounds [h].
    import_excess_kw : float
        Greatest excess over the import limit [kW].
    """

    hours_outside_bounds: float
    import_excess_kw: float


ContractRow = TypedDict(
    "ContractRow",
    {"class": str, "vehicles": float, "surplus": float, "owner_gain_per_vehicle": float, "discharged_kwh": float},
)
"""V2G contract of one class: number of vehicles, surplus and each owner's gain [currency/day], energy [kWh/day]."""


class Contracts(TypedDict):
    """Results of the V2G contracts [currency/day, kWh/day]."""

    program: str
    smart_cost: float
    v2g_cost: float
    surplus: float
    owner_gain: float
    aggregator_gain: float
    wear_paid: float
    discharged_kwh: float
    by_class: list[ContractRow]


class ReserveRow(TypedDict):
    """Reserve product in the plan of a day.

    Attributes
    ----------
    product, direction, source : str
        Name, direction and origin of the product.
    block_h : float
        Length of a block [h].
    bids_mw : list of float
        Bid of each block, the first from midnight on [MW].
    payment : float
        Payment for capacity [currency/day].
    call_cost : float
        Greatest expected cost of calls [currency/day].
    gain : float
        Payment less that cost [currency/day].
    injection_allowed : bool
        Whether the connection may feed into the grid in blocks with a bid.
    """

    product: str
    direction: str
    block_h: float
    bids_mw: list[float]
    payment: float
    call_cost: float
    gain: float
    injection_allowed: bool
    source: str


class SimulatedCalls(TypedDict):
    """Days of simulated calls on the plan, see `study.calls`.

    Attributes
    ----------
    days : int
        Number of simulated days.
    cost, penalty : float
        Mean cost of calls and mean penalties for calls not delivered [currency/day].
    greatest_cost : float
        Cost and penalties of the dearest day [currency].
    called_kwh : float
        Mean energy called, in both directions together [kWh/day].
    missed_share : float
        Part of all energy called that is not delivered.
    short_kwh : float
        Greatest energy of a day that is promised at departure and missing, all vehicles together [kWh].
    """

    days: int
    cost: float
    penalty: float
    greatest_cost: float
    called_kwh: float
    missed_share: float
    short_kwh: float


class ReserveOffered(TypedDict):
    """Reserve products beside V2G.

    Attributes
    ----------
    surplus_gain : float
        Rise of the surplus against V2G alone [currency/day].
    gap : float
        Greatest amount that another plan with reserve could still gain [currency/day].
    products : list of ReserveRow
        Bids and money of each product.
    simulated : SimulatedCalls
        Simulated calls on the plan.
    """

    surplus_gain: float
    gap: float
    products: list[ReserveRow]
    simulated: SimulatedCalls


class CustomersKept(TypedDict):
    """Customers kept at the price of stage one.

    Attributes
    ----------
    share, cars, left : float
        Share of the customers kept, number of their cars, and number of cars that leave.
    mean_paid : float
        Mean price paid that decides: what drivers pay and bear in wear, for the energy that they need [currency/kWh].
    competitor : float
        Competitor's price [currency/kWh].
    model, share_at_equal, sensitivity
        As in the case's table ``[customers]``.
    """

    share: float
    cars: float
    left: float
    mean_paid: float
    competitor: float
    share_at_equal: float
    sensitivity: float
    model: str


class DaySummary(TypedDict):
    """Stage one of a day, its contracts and assumptions; the attributes of `Solution` under their own names."""

    case: str
    title: str
    currency: str
    status: str
    method: str
    evidence: str
    objective: float
    ev_margin: float
    storage: float
    upper_bound: float
    gap: float
    bills: float
    procurement: float
    optimistic: float
    guaranteed: float | None
    margin: float
    price: list[float]
    load: list[list[float]]
    seconds: float
    binaries: int
    duality_gap: float
    classes: list[str]
    dt_h: float
    plans: list[DayAccountRow]
    gain: Gain
    grid: list[GridRow]
    grid_effect: GridEffect
    price_rules: PriceRules
    stakeholder_impact: list[dict[str, object]]
    contracts_unused: str
    assumptions: dict[str, object]
    customers: NotRequired[CustomersKept]
    reference: NotRequired[dict[str, dict[str, float]]]
    v2g_followers: NotRequired[dict[str, list[float]]]
    contracts: NotRequired[Contracts]
    reserve: NotRequired[ReserveOffered]


class RolledReserve(TypedDict):
    """Reserve as it was carried out with simulated calls, means of the days.

    Attributes
    ----------
    plan : str
        Way to run the day.
    payment, withheld : float
        Payment for capacity committed, and part of it lost because a bid could not have been delivered [currency/day].
    penalty : float
        Penalties for calls not delivered [currency/day].
    activation : float
        Payment for energy called at an activation price, paid less received [currency/day].
    called_kwh : float
        Energy called, in both directions together [kWh/day].
    missed_share : float
        Part of all energy called that was not delivered.
    missing_h : float
        Time in which a part of a bid could not have been delivered [h/day].
    """

    plan: str
    payment: float
    withheld: float
    penalty: float
    activation: float
    called_kwh: float
    missed_share: float
    missing_h: float


class RolledCustomers(TypedDict):
    """Customers kept at the prices of rolled days.

    Attributes
    ----------
    share, cars, left : float
        Mean share of the customers kept, and mean numbers of their cars and of cars that leave.
    least_share, greatest_share : float
        Share kept on the day on which it is least, and greatest.
    """

    share: float
    cars: float
    left: float
    least_share: float
    greatest_share: float


class NodeSummary(TypedDict):
    """Rolling test at one node; losses and gain in currency. Figures of the grid are means of those of the days.

    ``absent_per_day`` is the number of cars under contract that do not come, and ``refund_per_day`` what drivers do not
    pay for energy that they do not receive [currency/day], with rolling.
    """

    node: str
    days: int
    first: str
    last: str
    training_days: int
    begin_h: float
    rho: float | None
    rho_low: float | None
    rho_high: float | None
    plan_loss_per_day: float
    rolling_loss_per_day: float
    gain_per_day: float
    days_gained: int
    phi: float
    stage_one_proven_days: int
    unserved_kwh: float
    absent_per_day: float
    refund_per_day: float
    plans: list[AccountRow]
    gain: Gain
    grid: list[GridRow]
    grid_effect: GridEffect
    customers: NotRequired[RolledCustomers]
    reserve: NotRequired[list[RolledReserve]]


class RollingSummary(TypedDict):
    """Rolling tests at all nodes."""

    case: str
    title: str
    currency: str
    dt_h: float
    forecast: str
    known: str
    thesis: str
    note: str
    nodes: list[NodeSummary]
    assumptions: dict[str, object]
