"""Rules on the mean price that drivers pay; optima against plain full programs."""

import json
from dataclasses import replace

import numpy as np
import pytest

from aggregator.agreement import compare
from csmoifsa.errors import InputError
from csmoifsa_aggregator.inputs.case import load_case
from csmoifsa_aggregator.model.follower import bills
from csmoifsa_aggregator.solve.evidence import certificate
from csmoifsa_aggregator.solve.proof import check
from csmoifsa_aggregator.solve.stackelberg import fit_mean, solve_game


def by_load(game, seed):
    """Rule the mean price paid: by the load in place of time, or by its greatest value beside the other rule."""
    rng = np.random.default_rng([8, seed])
    energy = float(game.energy_kwh.sum())
    low, high = (float(bills(price, game).sum()) / energy for price in (game.lower, game.upper))
    mean = low + float(rng.uniform(0.1, 0.9)) * (high - low)
    game = replace(game, cars=None)
    if seed % 2:
        return replace(game, mean_weight="load", mean=mean)
    return replace(game, most_paid=mean)


def test_the_case_states_the_rule_and_the_price_keeps_it():
    for mean in (0.34, 0.38):
        game = replace(load_case("wei-2015").game, mean_weight="load", mean=mean)
        s = solve_game(game, margin=0.0)
        assert (s.status, s.bills / game.energy_kwh.sum()) == ("proven", pytest.approx(mean))
        passed = fit_mean(game, game.day_ahead)
        assert bills(passed, game).sum() / game.energy_kwh.sum() == pytest.approx(mean)
    with pytest.raises(InputError, match="makes the mean price that drivers pay what the rule asks for"):
        solve_game(replace(game, mean=5.0), margin=0.0)
    battery = replace(load_case("portfolio").game, cars=load_case("portfolio").cars)
    with pytest.raises(InputError, match="the mean price paid cannot be ruled where V2G drivers answer"):
        replace(battery, mean_weight="load")
    with pytest.raises(InputError, match="mean_weight must be 'time' or 'load', not 'sun'"):
        replace(game, mean_weight="sun")


def test_certificates_of_rules_on_the_mean_price_paid_hold_and_see_changes():
    game = replace(load_case("wei-2015").game, mean_weight="load", mean=0.38)
    capped = replace(load_case("wei-2015").game, most_paid=0.38)
    for one in (game, capped):
        values = json.loads(json.dumps(certificate(one, solve_game(one, margin=0.0))))
        assert check(values).faults == []
    assert check(values).bound is None or check(values).bound >= check(values).profit - 1e-6
    values["game"]["most_paid"] = 0.37
    assert "the mean price paid is 0.38, above 0.37" in check(values).faults
    values = json.loads(json.dumps(certificate(game, solve_game(game, margin=0.0))))
    assert values["bound"]["kind"] == "on trust"
    values["game"]["mean"] = 0.37
    assert "the mean price is 0.38, not 0.37" in check(values).faults
    values["game"] |= {"mean": 0.38, "mean_weight": "sun"}
    with pytest.raises(InputError, match="mean_weight must be 'time' or 'load'"):
        check(values)
    values["game"]["mean_weight"] = "load"
    values["bound"] = {"kind": "linear programs"}
    with pytest.raises(InputError, match="must be 'on trust' for a game with V2G classes, customers who leave or"):
        check(values)


def test_rules_on_the_mean_price_paid_agree_with_the_full_program():
    counts = {}
    for seed in range(80):
        kind, margin, verdict, figures = compare(seed, change=by_load)
        assert verdict in ("agrees", "both refuse"), f"seed {seed}, {kind}, margin {margin:g}: {figures}"
        counts[verdict] = counts.get(verdict, 0) + 1
    assert counts["agrees"] >= 40
