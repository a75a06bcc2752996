"""The order of the parameters in the flat array ``data`` that the compiled evaluator reads."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from csmoifsa.jit import jit

NUMBERS = {
    "n_steps": 1,
    "n_periods": 1,
    "n_kinds": 1,  # kinds of days
    "n_pairs": 1,  # of neighbouring periods, see `constraints.price_order`
    "n_ends": 1,  # pairs of dearest and cheapest period, see `constraints.discharge_ends`
    "n_ratios": 1,  # see `rules.Rules.rows`
    "price_step": 1,  # 0 without one
    "dt_h": 1,
    "recovery": 1,  # index in `response.RECOVERIES`
    "objectives": 10,  # index in `outcome.QUANTITIES` of each objective; as many are read as F has columns
    "enrolment": 4,  # dead zone, saturation, greatest share, and the stated offer, below 0 where there is none
    "v2g_ramp": 3,
    "wear": 1,
    "fee": 1,
    "discharged_per_share_mwh": 1,
    "round_trip": 1,
    "cost_slope": 1,
    "conversion_efficiency": 1,
    "peak_cost": 1,
    "generation_before": 1,
    "g1_before": 1,
    "supply_cost_before": 1,
    "bill_before": 1,
    "reference_level": 1,
    "per_mwh": 1,
    "habit_weight": 1,
    "delay_weight": 1,
    "min_profit": 1,
    "max_bill": 1,  # infinite without a limit
    "max_bill_rise": 1,  # infinite without a limit
    "max_load": 1,  # infinite without a limit
    "v2g_must_pay": 1,
    "mean_price_bounds": 2,  # lowest and highest that the limit of the revenue allows; the latter infinite without one
}
"""Name and number of values of each parameter at the beginning of ``data``, in order; `pack` writes them.

The pairs and the ends follow, two numbers each, then the ratios, four numbers each, then for each kind of days `KIND`
and `Tables`.
"""

KIND = ("n_limits", "n_days", "share", "share_of_energy", "dearest", "cheapest", "mean_parking_h")
"""Numbers of a kind of days, in order."""


class Tables(NamedTuple):
    """Data of a kind of days, in this order, of P periods, F flows, L limits, T steps and D days."""

    kind: np.ndarray  # (7,) see `KIND`
    reference: np.ndarray  # (P,) charge prices
    energy: np.ndarray  # (P,) uncontrolled charging [MWh]
    eligible: np.ndarray  # (P,) shares of cars that can discharge in each period but the cheapest, then in any of them
    ramps: np.ndarray  # (F, 3) dead zone, saturation, greatest share of each flow
    weights: np.ndarray  # (L, F) of the flows in each joint limit
    limits: np.ndarray  # (L,) [MWh]
    period: np.ndarray  # (T,)
    profile: np.ndarray  # (T,) uncontrolled charging [MW]
    cost_intercept: np.ndarray  # (T,)
    staggered: np.ndarray  # (2, T) weights of charging and of discharging
    delay: np.ndarray  # (P, T) of energy from each period [h]
    base: np.ndarray  # (D, T) load without cars [MW]


AT = dict(zip(NUMBERS, itertools.accumulate(NUMBERS.values(), initial=0), strict=False))
"""Index in ``data`` of the first value of each parameter."""

HEADER = sum(NUMBERS.values())
"""Index in ``data`` of the first pair of periods."""

# numba reads module constants, not dictionaries
STEPS, PERIODS, KINDS, PAIRS, ENDS, DT, RECOVERY = (
    AT[n] for n in ("n_steps", "n_periods", "n_kinds", "n_pairs", "n_ends", "dt_h", "recovery")
)
RATIOS, PRICE_STEP, MEAN_PRICE = AT["n_ratios"], AT["price_step"], AT["mean_price_bounds"]
SHARE, SHARE_OF_ENERGY, DEAREST, CHEAPEST, PARKING = range(2, len(KIND))
OBJECTIVES, MIN_PROFIT, MAX_BILL, MUST_PAY = (AT[n] for n in ("objectives", "min_profit", "max_bill", "v2g_must_pay"))
MAX_BILL_RISE, MAX_LOAD, ENROLMENT = AT["max_bill_rise"], AT["max_load"], AT["enrolment"]
V2G_RAMP, WEAR, FEE = (AT[n] for n in ("v2g_ramp", "wear", "fee"))
DISCHARGED, ROUND_TRIP, COST_SLOPE = (AT[n] for n in ("discharged_per_share_mwh", "round_trip", "cost_slope"))
CONVERSION, PEAK_COST, LEVEL = (AT[n] for n in ("conversion_efficiency", "peak_cost", "reference_level"))
GENERATION_BEFORE, G1_BEFORE = AT["generation_before"], AT["g1_before"]
SUPPLY_BEFORE, BILL_BEFORE = AT["supply_cost_before"], AT["bill_before"]
MONEY, HABIT, DELAY = (AT[n] for n in ("per_mwh", "habit_weight", "delay_weight"))


def pack(
    numbers: Mapping[str, ArrayLike],
    pairs: Sequence[tuple[int, int]],
    ends: Sequence[tuple[int, int]],
    ratios: Sequence[Sequence[float]],
    kinds: Sequence[Tables],
) -> np.ndarray:
    """Return one flat array of all parameters, shape (k,).

    Parameters
    ----------
    numbers : mapping
        The names of `NUMBERS`, each with its number of values.
    pairs, ends : sequence of (int, int)
        From `constraints.price_order` and `constraints.discharge_ends`.
    ratios : sequence of `rules.Ratio`
        From `rules.Rules.rows`.
    kinds : sequence of Tables
        Data of each kind of days, of the shapes stated there.

    Raises
    ------
    ValueError
        A name is missing or unknown, or has another number of values.
    """
    if set(numbers) != set(NUMBERS):
        raise ValueError(f"the parameters must be {', '.join(NUMBERS)}")
    parts = [np.ravel(np.asarray(numbers[name], dtype=float)) for name in NUMBERS]
    for (name, length), part in zip(NUMBERS.items(), parts, strict=True):
        if len(part) != length:
            raise ValueError(f"{name} must have {length} values, not {len(part)}")
    arrays = [pairs, ends, ratios, *(table for tables in kinds for table in tables)]
    return np.concatenate([*parts, *(np.ravel(np.asarray(one, dtype=float)) for one in arrays)])


@jit
def unpack(data: np.ndarray, at: int) -> tuple[Tables, int]:
    """Return the kind of days that begins at index ``at``, as views of ``data``, and the index of the next."""
    n_steps, n_periods, n_limits, n_days = int(data[STEPS]), int(data[PERIODS]), int(data[at]), int(data[at + 1])
    n_flows = n_periods * (n_periods - 1) // 2
    reference = at + 7
    energy = reference + n_periods
    eligible = energy + n_periods
    ramps = eligible + n_periods
    weights = ramps + 3 * n_flows
    limits = weights + n_limits * n_flows
    period = limits + n_limits
    profile = period + n_steps
    intercept = profile + n_steps
    staggered = intercept + n_steps
    delay = staggered + 2 * n_steps
    base = delay + n_periods * n_steps
    end = base + n_days * n_steps
    tables = Tables(
        data[at:reference],
        data[reference:energy],
        data[energy:eligible],
        data[eligible:ramps],
        data[ramps:weights].reshape(n_flows, 3),
        data[weights:limits].reshape(n_limits, n_flows),
        data[limits:period],
        data[period:profile],
        data[profile:intercept],
        data[intercept:staggered],
        data[staggered:delay].reshape(2, n_steps),
        data[delay:base].reshape(n_periods, n_steps),
        data[base:end].reshape(n_days, n_steps),
    )
    return tables, end
