"""Enrolment and response given enrolment, sourced sets, doubts about assumptions, and the Calgary trial."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from csmoifsa.errors import InputError
from csmoifsa_ev.inputs.evidence import CALGARY_CENTS, response_doubts
from csmoifsa_ev.inputs.inspection import inspect_scenario
from csmoifsa_ev.inputs.responses import LABELS, SETS, set_values, source_rows
from csmoifsa_ev.inputs.scenario import build_day, load_scenario
from csmoifsa_ev.model.constraints import ROUNDING
from csmoifsa_ev.model.limits import Limits
from csmoifsa_ev.model.outcome import evaluate
from csmoifsa_ev.model.ramp import Ramp, RampRanges
from csmoifsa_ev.model.response import Enrolment
from csmoifsa_ev.problem.pricing import EVPricing
from csmoifsa_ev.study.sensitivity import ENROLMENT_SPREAD, assumptions_of, draw_days, robustness, tornado, with_factor
from csmoifsa_ev.study.validation import calgary

X = np.array([[40.0, 24.0, 12.0, 30, 20, 10], [30.0, 26.0, 22.0, 29, 20, 10], [26.0, 26.0, 26.0, 20, 20, 10]])


def enrolled(day, curve, offer=None):
    return dataclasses.replace(
        day, response=dataclasses.replace(day.response, enrolment=Enrolment(curve=curve, offer=offer))
    )


CURVE = Ramp(dead_zone=2, saturation=18, max_share=0.3)


def plain_enrolment(tariff, curve, offer):
    """Slow twin of `Enrolment.share`, against a flat reference."""
    offered = tariff[0] - tariff[2] if offer is None else offer
    if offered <= curve.dead_zone:
        return 0.0
    if offered >= curve.saturation:
        return curve.max_share
    return curve.max_share * (offered - curve.dead_zone) / (curve.saturation - curve.dead_zone)


@pytest.mark.parametrize("offer", [None, 5.0, 0.0])
def test_flows_are_enrolment_times_the_flows_of_enrolled_drivers(small, offer):
    alone, both = evaluate(X, small.day), evaluate(X, enrolled(small.day, CURVE, offer))
    for row, tariff in enumerate(X):
        want = plain_enrolment(tariff, CURVE, offer) * alone.flow_mwh[row]
        assert both.flow_mwh[row] == pytest.approx(want, rel=1e-12)
        assert both.responding[row] <= plain_enrolment(tariff, CURVE, offer) + 1e-12
    assert alone.flow_mwh[0].min() > 0


@pytest.mark.parametrize("offer", [None, 6.0])
def test_the_tariff_in_force_keeps_a_limit_of_no_rise_exactly(small, offer):
    """Its own bill is the limit: the constraint holds with its slack for rounding alone, with enrolment, too."""
    day = dataclasses.replace(enrolled(small.day, CURVE, offer), limits=Limits(max_bill_change=0.0))
    start = np.array([[*day.prices.start_prices, 5.0, 5.0, 5.0]])
    outcome = evaluate(start, day)
    assert outcome.flow_mwh.sum() > 0
    assert outcome.constraints[0, 8] == pytest.approx(-ROUNDING, rel=1e-3)


@pytest.mark.parametrize("offer", [None, 5.0])
def test_compiled_evaluator_has_enrolment_too(small, offer):
    tariffs = np.random.default_rng(3).uniform(5, 50, (40, 6))
    problem = EVPricing(enrolled(small.day, CURVE, offer))
    F, G = problem.evaluate(tariffs, return_values_of=["F", "G"])
    outcome = evaluate(tariffs, problem.day)
    np.testing.assert_allclose(F, outcome.objectives("paper"), rtol=1e-9, atol=1e-7)
    np.testing.assert_allclose(G, outcome.constraints, rtol=1e-9, atol=1e-11)


def test_everybody_enrolled_is_no_enrolment_bit_for_bit(small):
    everybody = enrolled(small.day, Ramp(dead_zone=0, saturation=1, max_share=1), 1.0)
    alone, both = (EVPricing(day).evaluate(X, return_values_of=["F", "G"]) for day in (small.day, everybody))
    assert (alone[0] == both[0]).all()
    assert (alone[1] == both[1]).all()


def test_without_enrolment_draws_are_as_before(small):
    """Values of the version before enrolment and ranges existed (2,000 cars, 20 draws)."""
    tariffs = np.random.default_rng(5).uniform(5, 50, (200, 6))
    tariffs[:, :3] = -np.sort(-tariffs[:, :3], axis=1)
    found = robustness(tariffs[:5], 0, small.day, "paper", draws=20)
    days = draw_days(small.day, draws=20)
    savings = np.array([evaluate(np.stack([tariffs[0], one.prices.in_force]), one).saving_per_day for one in days])
    assert np.median(savings[:, 0]) == pytest.approx(146.73669774029645, rel=1e-12)
    assert found.quantiles[2]["p50"] == pytest.approx(np.median(savings[:, 0] - savings[:, 1]), rel=1e-9)
    assert found.best_score == pytest.approx(0.6284664965584228, rel=1e-12)
    assert not ENROLMENT_SPREAD.keys() & assumptions_of(small.day).keys()


def test_enrolment_is_drawn_in_its_ranges(small):
    day = enrolled(small.day, CURVE)
    assert ENROLMENT_SPREAD.keys() <= assumptions_of(day).keys()
    more = with_factor(day, "owners who enrol (max_share)", 1.5).response.enrolment
    assert more.curve.max_share == pytest.approx(0.45)
    assert robustness(X, 0, day, "paper", draws=4).draws == 4
    rows = {row["assumption"]: row for row in tornado(X[0], day)}
    assert not any(row["own_range"] for row in rows.values())
    ranges = RampRanges(dead_zone=(2, 2), slope=(0.01, 0.02), max_share=(0.1, 0.6))
    own = {row["assumption"]: row for row in tornado(X[0], enrolled(day, dataclasses.replace(CURVE, ranges=ranges)))}
    assert {name for name, row in own.items() if row["own_range"]} == set(ENROLMENT_SPREAD)
    name = "owners who enrol (max_share)"
    here = rows[name]["saving_per_day"]
    assert abs(own[name]["saving_per_day_high"] - here) > abs(rows[name]["saving_per_day_high"] - here) > 0
    assert own[name]["saving_per_day"] == here


# ------------------------------------------------------------------------------------------------------ the sets


def scenario_file(tmp_path, text):
    path = tmp_path / "my.toml"
    path.write_text("[fleet]\nn_ev = 500\n" + text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", SETS.names())
def test_a_scenario_names_a_set_and_each_number_has_a_source(tmp_path, name):
    scenario = load_scenario(scenario_file(tmp_path, f'[response]\nset = "{name}"\nrecovery = "valley-filling"\n'))
    response = scenario.response
    assert (response.set, response.recovery) == (name, "valley-filling")
    assert response.peak_valley.max_share == 0.9
    rows = list(source_rows(name))
    sourced = {row[0].split(".")[0] for row in rows}
    assert {"peak_valley", "flat_valley", "peak_flat"} <= sourced
    assert ("enrolment" in sourced) == (response.enrolment is not None) == (name != "enrolled-home")
    for _, value, label, origin, missing in rows:
        assert label in LABELS
        assert all((value, origin, missing))
    ramps = [response.peak_valley, *([response.enrolment.curve] if response.enrolment else [])]
    for ramp in ramps:
        assert ramp.ranges.slope[0] <= ramp.slope <= ramp.ranges.slope[1]
    assert not any("peak_valley is an assumption" in one for one in response_doubts(scenario))
    assert any("not determined" in note for note in build_day(scenario).notes)


def test_sets_are_in_the_unit_of_the_scenario_and_refuse_other_currencies(tmp_path):
    dollars = '[prices]\nunit = "$/kWh"\nunits_per_currency = 1\nstart = { peak = 0.4, flat = 0.2, valley = 0.1 }\n'
    dollars += 'charge_bounds = [0.05, 0.5]\ndischarge_bounds = [0.05, 0.5]\n[response]\nset = "population-easy"\n'
    response = load_scenario(scenario_file(tmp_path, dollars)).response
    assert response.peak_valley.saturation == pytest.approx(0.14)
    assert response.enrolment.curve.saturation == pytest.approx(0.10)
    assert response.peak_valley.ranges.slope == pytest.approx((6.42, 16.4))
    yuan = '[prices]\ncurrency = "CNY"\n[response]\nset = "population-easy"\n'
    with pytest.raises(InputError, match=r"response\.set: the set 'population-easy' is in US cents"):
        load_scenario(scenario_file(tmp_path, yuan))
    with pytest.raises(InputError, match=r"no set 'populaton-easy' .* Did you mean 'population-easy'"):
        load_scenario(scenario_file(tmp_path, '[response]\nset = "populaton-easy"\n'))
    with pytest.raises(InputError, match=r"response\.set must be the name"):
        load_scenario(scenario_file(tmp_path, "[response]\nset = 3\n"))


def test_keys_beside_a_set_replace_its_own(tmp_path):
    text = '[response]\nset = "population-easy"\n[response.enrolment]\noffer = 5\ncurve = { max_share = 0.3 }\n'
    enrolment = load_scenario(scenario_file(tmp_path, text)).response.enrolment
    assert (enrolment.offer, enrolment.curve.max_share, enrolment.curve.saturation) == (5, 0.3, 10)
    text = '[response]\nset = "enrolled-home"\npeak_valley = { dead_zone = 3 }\n'
    with pytest.raises(InputError, match=r"response.peak_valley.*ranges\.dead_zone must contain dead_zone"):
        load_scenario(scenario_file(tmp_path, text))
    ranges = "[response.peak_valley.ranges]\ndead_zone = [2, 4]\nslope = [0.5, 0.6]\nmax_share = [0.5, 0.7]\n"
    with pytest.raises(InputError, match=r"response.peak_valley.*ranges\.slope must contain slope 0\.027"):
        load_scenario(scenario_file(tmp_path, ranges))


def test_bad_ranges_are_named(tmp_path):
    for ranges, told in (
        ("{ dead_zone = [4, 2], slope = [0, 1], max_share = [0, 1] }", "dead_zone must be a lower and an upper limit"),
        ("{ dead_zone = [0, 4], slope = [0, 1], max_share = [0, 1.5] }", "max_share must end at 1"),
    ):
        with pytest.raises(InputError, match=told):
            load_scenario(scenario_file(tmp_path, f"[response.peak_valley]\nranges = {ranges}\n"))


# ------------------------------------------------------------------------------------------------------ evidence


def test_check_names_assumptions_that_evidence_contradicts(run_cli, tmp_path):
    path = scenario_file(tmp_path, "")
    answer = run_cli("ev", "check", path)
    assert answer.code == 0, answer.err
    assert (
        "response.peak_valley is an assumption that evidence contradicts: at 2.7 cents/kWh it moves 0.0%" in answer.out
    )
    assert "v2g.response is an assumption that evidence contradicts" in answer.out
    low = scenario_file(
        tmp_path, "[response]\npeak_valley = { dead_zone = 0 }\n[v2g]\nresponse = { saturation = 60 }\n"
    )
    assert not [note for note in inspect_scenario(low).notes if "contradicts" in note]


def test_calgary_on_and_off_again():
    """The set's values do not come from this trial: it moves fewer than observed, and back when the reward ends."""
    assert pytest.approx(2.69, abs=0.005) == CALGARY_CENTS
    case = load_scenario(case="calgary-2022").with_changes(n_ev=20_000)
    found = calgary(case)
    assert found["before"] == pytest.approx((0.59, 0.59, 0.59), abs=0.01)
    assert found["after the reward ended"] == found["before"]
    here, low, high = found["rewarded"]
    assert here == pytest.approx(0.59 + 0.41 * 0.9 * 2.69 / 14, abs=0.01)  # .66, observed .71 to .77
    assert low < here < 0.71 < high < 0.78
    bundled = dataclasses.replace(case, response=load_scenario().response)
    assert calgary(bundled)["rewarded"][0] == found["before"][0]


def test_the_page_of_evidence(run_cli, tmp_path):
    answer = run_cli("ev", "evidence", "--populations", 1, "--out", tmp_path / "page.md")
    assert answer.code == 0, answer.err
    page = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert page.count("| drawn |") == 10
    assert "| rewarded | 71% to 77% | 66% |" in page
    assert set(set_values("population-easy")["response"]) == {
        "recovery",
        "peak_valley",
        "peak_flat",
        "flat_valley",
        "enrolment",
    }
