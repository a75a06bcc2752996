"""Pack the data of a `PricingDay` into the flat array that the compiled evaluator reads."""

from __future__ import annotations

import numpy as np

from csmoifsa_ev.model.constraints import discharge_ends, price_order
from csmoifsa_ev.model.day import PricingDay
from csmoifsa_ev.model.outcome import QUANTITIES, max_bill, revenue_bounds
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
    orders = [kind.own.tolist() for kind in day.kinds]
    pairs, ends, ratios = price_order(orders), discharge_ends(orders), day.rules.rows(day.names)
    return pack(
        {
            "n_steps": len(day.period),
            "n_periods": day.n_periods,
            "n_kinds": len(day.kinds),
            "n_pairs": len(pairs),
            "n_ends": len(ends),
            "n_ratios": len(ratios),
            "price_step": day.rules.step or 0.0,
            "dt_h": day.dt_h,
            "recovery": RECOVERIES.index(day.response.recovery),
            "objectives": ([QUANTITIES.index(name) for name in objectives] + [0] * len(QUANTITIES))[: len(QUANTITIES)],
            "enrolment": [0.0, 1.0, 1.0, 1.0] if day.response.enrolment is None else day.response.enrolment.packed(),
            "v2g_ramp": [terms.dead_zone, terms.saturation, terms.max_share],
            "wear": day.v2g.wear,
            "fee": day.v2g.fee,
            "discharged_per_share_mwh": day.discharged_per_share_mwh,
            "round_trip": day.round_trip,
            "cost_slope": day.grid.marginal_cost[1] if day.price_per_mwh is None else 0.0,
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
            "min_profit": day.limits.min_profit,
            "max_bill": max_bill(day),
            "max_bill_rise": np.inf if day.limits.max_bill_rise is None else day.limits.max_bill_rise,
            "max_load": np.inf if day.limits.max_load_mw is None else day.limits.max_load_mw,
            "v2g_must_pay": day.limits.v2g_must_pay,
            "mean_price_bounds": revenue_bounds(day) or (-np.inf, np.inf),
        },
        pairs,
        ends,
        ratios,
        [
            Tables(
                kind=np.array(
                    [
                        *(len(kind.fleet.flow_limit_mwh), len(kind.days_mw)),
                        *(share, of_energy),
                        *(kind.dearest, kind.cheapest, kind.fleet.mean_parking_h),
                    ]
                ),
                reference=kind.reference,
                energy=kind.energy_mwh,
                eligible=np.append(kind.fleet.eligible[:-1], kind.fleet.eligible_any),
                ramps=kind.ramps,
                weights=kind.fleet.flow_weights,
                limits=kind.fleet.flow_limit_mwh,
                period=kind.period,
                profile=kind.fleet.profile_mw,
                cost_intercept=np.broadcast_to(
                    kind.grid.marginal_cost[0] if kind.price_per_mwh is None else kind.price_per_mwh, kind.period.shape
                ),
                staggered=np.stack(kind.staggered),
                delay=kind.delay_h,
                base=kind.days_mw,
            )
            for kind, share, of_energy in zip(day.kinds, day.shares, day.energy_shares, strict=True)
        ],
    )
