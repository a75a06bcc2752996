"""The study and its command, end to end on a small fleet."""

from __future__ import annotations

import csv
import dataclasses
import json

import numpy as np
import pytest

from csmoifsa_ev.inputs.scenario import load_scenario
from csmoifsa_ev.model.limits import Limits
from csmoifsa_ev.model.tariff import PERIODS, price_names
from csmoifsa_ev.output.tables import FRONT_QUANTITIES
from csmoifsa_ev.plugin import ev_pricing
from csmoifsa_ev.problem.pricing import EVPricing
from csmoifsa_ev.study.no_effect import no_effect_length, no_effect_ranges, normalise_prices
from csmoifsa_ev.study.redundancy import rank_correlations
from csmoifsa_ev.study.study import initial_population, run_study

VARIABLES = price_names(PERIODS)


@pytest.fixture(scope="module")
def scenario_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("scenario") / "small.toml"
    path.write_text('name = "small"\n[fleet]\nn_ev = 2000\n[grid]\npeak_cost_per_mw_day = 200\n', encoding="utf-8")
    return path


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# ------------------------------------------------------------------------------------------------ the command


def test_price_end_to_end(run_cli, scenario_file, tmp_path):
    out = tmp_path / "study"
    answer = run_cli("ev", "price", scenario_file, "--n-eval", 600, "--pop-size", 30, "--out", out)
    assert answer.code == 0, answer.err
    assert answer.err == ""
    for told in ("peak load, MW", "charge, recommended", "rank correlation", "Written:"):
        assert told in answer.out
    assert "beside the paper" not in answer.out  # it is not the paper's case

    pareto = read(out / "pareto.csv")
    assert list(pareto[0]) == [*VARIABLES, *FRONT_QUANTITIES]
    assert 5 <= len(pareto) <= 30 + 6  # with the extremes, the reference and the recommended tariff
    load = read(out / "load.csv")
    assert len(load) == 24
    for row in load:
        groups = ("non_responders_mw", "charge_responders_mw", "charge_discharge_responders_mw")
        total = float(row["base_mw"]) + sum(float(row[name]) for name in groups)
        assert total == pytest.approx(float(row["after_mw"]), rel=1e-8)
    tariff = {row["price"]: row for row in read(out / "tariff.csv")}
    assert list(tariff) == list(VARIABLES)
    for row in tariff.values():
        assert float(row["no_effect_from"]) <= float(row["recommended"]) <= float(row["no_effect_to"])
    choices = [row["choice"] for row in read(out / "extremes.csv")]
    assert choices[:6] == ["before", "start", "min_difference", "max_saving", "max_satisfaction", "compromise"]
    assert len(read(out / "choices_load.csv")) == 24 * (len(choices) - 1)
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    for part in ("before", "after"):
        assert {"g1_mw", "g2_mw", "g2_hours_mw", "g3_mw2", "saving_per_day", "satisfaction"} <= summary[part].keys()
        assert summary[part].keys() <= summary["units"].keys()
        assert summary[part]["g2_hours_mw"] == pytest.approx(24 * summary[part]["g2_mw"])
    assert summary["paper"] == []
    assert not (out / "comparison.csv").exists()
    figures = sorted(path.name for path in (out / "figures").iterdir())
    assert figures == sorted(f"fig{k}.{ending}" for k in range(1, 6) for ending in ("png", "pdf"))
    assert all(path.stat().st_size > 5_000 for path in (out / "figures").iterdir())


def test_same_seed_same_bytes(run_cli, scenario_file, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("a2", 2)):
        common = ("ev", "price", scenario_file, "--n-eval", 300, "--pop-size", 20, "--no-figures", "--seed", seed)
        assert run_cli(*common, "--out", tmp_path / name).code == 0
    for table in ("pareto.csv", "tariff.csv", "extremes.csv", "load.csv", "choices_load.csv"):
        one, two, other = ((tmp_path / folder / table).read_bytes() for folder in ("a", "b", "a2"))
        assert one == two
        assert one != other
    assert not (tmp_path / "a" / "figures").exists()


def test_json_is_one_object_and_nothing_else(run_cli, scenario_file, tmp_path):
    options = ("--objectives", "market", "--recovery", "valley-filling", "--n-eval", 300, "--pop-size", 20, "--json")
    answer = run_cli("ev", "price", scenario_file, *options, "--out", tmp_path / "m")
    assert answer.code == 0
    summary = json.loads(answer.out)
    assert summary["objectives"] == "market"
    assert summary["recovery"] == "valley-filling"
    assert "max_profit" in [row["choice"] for row in read(tmp_path / "m" / "extremes.csv")]
    assert (tmp_path / "m" / "figures" / "fig1.png").exists()
    nothing_written = run_cli("ev", "price", scenario_file, "--n-eval", 200, "--pop-size", 20, "--json")
    assert json.loads(nothing_written.out)["n_eval"] == 200


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ("--objectives", "markt"),
            "--objectives must be paper, market, inflexible, welfare or fair, not 'markt'. Did you mean 'market'?",
        ),
        (("--recovery", "even"), "--recovery must be uniform, valley-filling or staggered, not 'even'"),
        (("--case", "paper-2021"), "Did you mean 'paper-2022'"),
        (("none.toml",), "cannot read the scenario none.toml"),
    ],
)
def test_bad_input_is_one_sentence_and_code_2(run_cli, arguments, told):
    answer = run_cli("ev", "price", *arguments)
    assert answer.code == 2
    assert told in answer.err
    assert answer.out == ""
    assert len(answer.err.strip().splitlines()) == 1


def test_help_has_an_example(run_cli):
    assert "csmoifsa ev price --out out/demo" in run_cli("ev", "price", "--help").out
    assert "price" in run_cli("ev", "--help").out


def test_bounds_without_a_tariff_are_told(run_cli, tmp_path):
    path = tmp_path / "tight.toml"
    path.write_text("[fleet]\nn_ev = 100\n[prices]\ncharge_bounds = [30, 50]\n", encoding="utf-8")
    answer = run_cli("ev", "price", path, "--n-eval", 100, "--pop-size", 20)
    assert answer.code == 2
    assert "mean price paid <= reference" in answer.err


# -------------------------------------------------------------------------------------------- the paper's case


@pytest.fixture(scope="module")
def paper_study():
    return run_study(load_scenario(), n_eval=4_000)


def test_front_has_the_papers_shape(paper_study):
    saving, difference = rank_correlations(paper_study.outcome, "paper").values()
    assert saving is not None
    assert saving < -0.9
    assert difference is not None
    assert difference > 0.9
    assert (paper_study.outcome.constraints <= 0).all()


def test_comparison_stands_beside_the_papers_figures(paper_study):
    from csmoifsa_ev.study.comparison import compare_with_paper

    rows = {row["quantity"]: row for row in compare_with_paper(paper_study)}
    assert abs(rows["peak before"]["difference_percent"]) < 0.1
    assert abs(rows["peak after"]["difference_percent"]) < 5
    assert all(row["remark"].endswith(".") for row in rows.values())
    market = run_study(load_scenario(), objectives="market", n_eval=300, pop_size=20)
    assert compare_with_paper(market) == []


def test_initial_population_is_in_order_and_within_bounds(small):
    X = initial_population(small, 50, 3)
    low, high = small.price_bounds
    assert ((low <= X) & (high >= X)).all()
    assert X[0].tolist() == pytest.approx([*small.day.reference, 5, 5, 5])
    assert (small.outcome(X).constraints[:, [0, 1, 4, 5]] <= 0).all()
    np.testing.assert_array_equal(X, initial_population(small, 50, 3))


# ------------------------------------------------------------------------------------------------------- ties


@pytest.fixture(scope="module")
def costly(small):
    """The small problem, where discharging may cost more than it brings."""
    return EVPricing(dataclasses.replace(small.day, limits=Limits(v2g_must_pay=False)))


def test_ties_are_ties_and_firm_prices_are_firm(costly):
    tariff = np.array([36.0, 24.0, 14.0, 32.0, 20.0, 10.0])
    ranges, level = no_effect_ranges(costly, tariff)
    assert ranges[:4] == pytest.approx(np.stack([tariff[:4], tariff[:4]], axis=1))
    # flat discharge: nobody does below a margin of 5 over recharge and wear; and it is held by its neighbours' order
    assert ranges[4] == pytest.approx([10.0, 14 / costly.day.round_trip + 6 + 5], abs=1e-4)
    assert ranges[5] == pytest.approx([5.0, 20.0], abs=1e-4)
    assert level[0] < 0 < level[1]
    F = costly.evaluate(tariff[None], return_values_of=["F"])
    for k in (4, 5):
        for end in ranges[k]:
            moved = tariff.copy()
            moved[k] = end
            np.testing.assert_allclose(costly.evaluate(moved[None], return_values_of=["F"]), F, rtol=1e-9)


@pytest.mark.parametrize("level", [-4.0, 0.0, 3.0])
def test_settled_level_keeps_objectives_and_ends_at_the_bill_in_force(costly, level):
    """Whether the tariff begins with a lower bill or with a higher one."""
    rise = level * np.array([1, 1, 1, 1 / costly.day.round_trip, 0, 0])
    tariff = np.array([[36.0, 24.0, 14.0, 32.0, 20.0, 10.0]]) + rise
    normalised = normalise_prices(costly, tariff)
    before, after = costly.outcome(tariff), costly.outcome(normalised)
    in_force = costly.outcome(costly.day.prices.in_force).driver_bill_per_day[0]
    np.testing.assert_allclose(after.objectives("paper"), before.objectives("paper"), rtol=1e-8)
    assert (before.driver_bill_per_day[0] < in_force) == (level < 0)
    assert after.driver_bill_per_day[0] == pytest.approx(in_force, rel=1e-9)
    assert (after.constraints <= 0).all()
    # nobody discharges in these periods, so the lowest price has the same effect
    assert normalised[0, 4:].tolist() == pytest.approx([5, 5], abs=1e-6)
    np.testing.assert_allclose(normalise_prices(costly, normalised), normalised, atol=1e-6)


def test_nothing_is_free_where_money_counts():
    problem = ev_pricing(n_ev=2_000, objectives="market")
    tariff = np.array([36.0, 24.0, 14.0, 32.0, 20.0, 10.0])
    for k in range(4):
        for sign in (-1.0, 1.0):
            assert no_effect_length(problem, tariff, sign * np.eye(6)[k]) == pytest.approx(0, abs=1e-6)
