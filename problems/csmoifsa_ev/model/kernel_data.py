"""Pack the data of a `PricingDay` into the flat array that the compiled evaluator reads."""

from __future__ import annotations

import numpy as np

from csmoifsa_ev.model.day import PricingDay
from csmoifsa_ev.model.outcome import QUANTITIES, max_bill
from csmoifsa_ev.model.response import RECOVERIES


def kernel_data(day: PricingDay, objectives: tuple[str, ...]) -> np.ndarray:
    """Return the parameters of `kernels.evaluate`, (k,), laid out as `kernels.layout` states.

    Parameters
    ----------
    day : PricingDay
        Load, fleet and terms.
    objectives : tuple of str
        Quantities of `outcome.QUANTITIES` that the columns of F hold, at most ten.
    """
    from csmoifsa_ev.model.kernels.layout import Tables, pack  # loads the compiler, so only when a kernel is wanted

    terms = day.v2g.response
    intercept, slope = day.grid.marginal_cost if day.price_per_mwh is None else (day.price_per_mwh, 0.0)
    return pack(
        {
            "n_steps": len(day.period),
            "n_periods": day.n_periods,
            "n_limits": len(day.fleet.flow_limit_mwh),
            "n_days": len(day.days_mw),
            "dt_h": day.dt_h,
            "recovery": RECOVERIES.index(day.response.recovery),
            "objectives": ([QUANTITIES.index(name) for name in objectives] + [0] * len(QUANTITIES))[: len(QUANTITIES)],
            "enrolment": [0.0, 1.0, 1.0, 1.0] if day.response.enrolment is None else day.response.enrolment.packed(),
            "v2g_ramp": [terms.dead_zone, terms.saturation, terms.max_share],
            "wear": day.v2g.wear,
            "fee": day.v2g.fee,
            "discharged_per_share_mwh": day.discharged_per_share_mwh,
            "round_trip": day.round_trip,
            "cost_slope": slope,
            "conversion_efficiency": day.grid.conversion_efficiency,
            "peak_cost": day.grid.peak_cost_per_mw_day,
            "generation_before": day.generation_before,
            "g1_before": day.before.g1_mw[0],
            "supply_cost_before": day.supply_cost_before,
            "bill_before": day.bill_before,
            "reference_level": day.reference_level,
            "per_mwh": day.prices.per_mwh,
            "habit_weight": day.satisfaction.habit_weight,
            "delay_weight": day.satisfaction.delay_weight,
            "mean_parking_h": day.fleet.mean_parking_h,
            "min_profit": day.limits.min_profit,
            "max_bill": max_bill(day),
            "max_bill_rise": np.inf if day.limits.max_bill_rise is None else day.limits.max_bill_rise,
            "max_load": np.inf if day.limits.max_load_mw is None else day.limits.max_load_mw,
            "v2g_must_pay": day.limits.v2g_must_pay,
        },
        Tables(
            reference=day.reference,
            energy=day.energy_mwh,
            eligible=np.append(day.fleet.eligible[:-1], day.fleet.eligible_any),
            ramps=day.ramps,
            weights=day.fleet.flow_weights,
            limits=day.fleet.flow_limit_mwh,
            period=day.period,
            profile=day.fleet.profile_mw,
            cost_intercept=np.broadcast_to(intercept, day.period.shape),
            staggered=np.stack(day.staggered),
            delay=day.delay_h,
            base=day.days_mw,
        ),
    )
