"""The modules whose code is broken on purpose, and the tests that are to see it."""

from __future__ import annotations

_AGGREGATOR = "csmoifsa_aggregator"
_TESTS = "tests/aggregator"
_ROLLING = (
    "test_perfect_forecast_gives_one_and_no_update_gives_zero",
    "test_physics_of_a_rolled_day",
    "test_a_crash_in_the_middle_of_the_day",
    "test_steps_lost_in_a_crash_are_made_up_for",
    "test_damaged_state",
    "test_missing_and_late_prices",
    "test_a_car_that_never_came_gets_nothing",
    "test_a_late_car_with_less_in_its_battery_is_served_as_far_as_possible",
    "test_early_departures_are_served_if_announced",
    "test_measured_contents_overrule_the_model",
    "test_negative_prices_never_charge_and_discharge_at_once",
)
MODULES: dict[str, tuple[str, list[str]]] = {
    "objectives": ("csmoifsa_ev.model.objectives", ["tests/ev/test_objectives.py"]),
    "response": ("csmoifsa_ev.model.response", ["tests/ev/test_response.py"]),
    "ramp": ("csmoifsa_ev.model.ramp", ["tests/ev/test_response.py"]),
    "curves": ("csmoifsa_ev.model.curves", ["tests/ev/test_response.py", "tests/ev/test_pricing.py"]),
    "v2g": ("csmoifsa_ev.model.v2g", ["tests/ev/test_response.py"]),
    "statistics": ("csmoifsa_bench.statistics", ["tests/bench/test_statistics.py"]),
    "measure": ("csmoifsa_bench.measure", ["tests/bench/test_measure.py", "tests/bench/test_trust.py"]),
    "costs": (f"{_AGGREGATOR}.model.costs", [f"{_TESTS}/test_load_cost.py", f"{_TESTS}/test_costs.py"]),
    "supply": (
        f"{_AGGREGATOR}.solve.supply",
        [f"{_TESTS}/test_supply.py", f"{_TESTS}/test_full_program.py", f"{_TESTS}/test_costs.py"],
    ),
    "contracts": (f"{_AGGREGATOR}.solve.contracts", [f"{_TESTS}/test_contracts.py", f"{_TESTS}/test_costs.py"]),
    "plans": (f"{_AGGREGATOR}.solve.plans", [f"{_TESTS}/test_costs.py", f"{_TESTS}/test_reserve.py"]),
    "bands": (f"{_AGGREGATOR}.solve.bands", [f"{_TESTS}/test_reserve.py"]),
    "dispatch": (
        f"{_AGGREGATOR}.dispatch.dispatch",
        [
            f"{_TESTS}/test_dispatch_steps.py",
            f"{_TESTS}/test_dispatch_plan.py",
            f"{_TESTS}/test_costs.py::test_rolling_keeps_the_import_limit_and_pays_the_account",
            f"{_TESTS}/test_costs.py::test_a_dispatcher_keeps_its_terms_over_a_crash",
            f"{_TESTS}/test_costs.py::test_a_dispatcher_keeps_the_import_limit_before_its_promises",
            *(f"{_TESTS}/test_rolling.py::{one}" for one in _ROLLING),
        ],
    ),
}
"""Module and the test files that are to see each of its mutants."""
