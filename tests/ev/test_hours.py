"""Choosing the hours: the sets of hours allowed, the one chosen against a plain search of all, what is shown."""

from __future__ import annotations

import dataclasses
import itertools
import json

import numpy as np
import pandas as pd
import pytest

from csmoifsa.errors import InputError
from csmoifsa_energy.page import LANGUAGES
from csmoifsa_ev.inputs.scenario import build_day, load_scenario
from csmoifsa_ev.model.candidates import MOST_HOURS, candidates, windows_by_kind, with_hours
from csmoifsa_ev.model.hours import WindowChoice
from csmoifsa_ev.model.outcome import acceptable_bill, evaluate
from csmoifsa_ev.model.tariff import DayWindows, Period, Windows
from csmoifsa_ev.output.tables import tariff_table, urdb_of, write_tables
from csmoifsa_ev.output.workbook import columns_table
from csmoifsa_ev.problem.pricing import EVPricing
from csmoifsa_ev.study.hours import choose_hours
from csmoifsa_ev.study.sensitivity import draw_days
from csmoifsa_ev.study.study import run_study

NAMES = ("peak", "flat", "valley")
USUAL = {"peak": ("14-21",), "flat": ("7-14", "21-23"), "valley": ("23-7",)}


def peak(start, hours, **more):
    return WindowChoice(period="peak", start=start, hours=hours, **more)


def by_hour(tariff, k=0):
    """The name of the period of each hour of the usual days or the k-th kind."""
    own, hours = tariff.of_kind(k)
    return [tariff.names[own[number]] for number in hours.period_of_step(24)]


def placed(present, chosen, rest):
    """Hours by name with windows {period: (start, length)} put into them, hour by hour; None where they overlap."""
    day = [rest if name in chosen or name is None else name for name in present]
    taken = set()
    for name, (start, length) in chosen.items():
        for hour in range(start, start + length):
            if hour % 24 in taken:
                return None
            taken.add(hour % 24)
            day[hour % 24] = name
    return day


@pytest.mark.parametrize("seed", range(20))
def test_the_allowed_hours_are_those_of_a_plain_enumeration(seed):
    rng = np.random.default_rng(seed)
    names = ["a", "b", "c", "d"][: int(rng.integers(2, 5))]
    known = bool(rng.integers(2))
    present = [names[k] for k in rng.integers(0, len(names), 24)] if known else [None] * 24
    if known and set(present) != set(names):
        present[: len(names)] = names
    windows = {name: tuple(f"{h}-{h + 1}" for h in range(24) if present[h] == name) for name in names}
    chosen = names[: int(rng.integers(1, len(names)))] if known else names[:-1]
    ranges = {}
    for name in chosen:
        start, length = int(rng.integers(0, 25)), int(rng.integers(1, 9))
        ranges[name] = ((start, int(min(start + rng.integers(0, 4), 24))), (length, length + int(rng.integers(0, 3))))
    tariff = Windows(
        periods=tuple(Period(name=name, windows=windows[name]) for name in names),
        choose=tuple(WindowChoice(period=name, start=s, hours=h) for name, (s, h) in ranges.items()),
        rest=names[-1],
    )
    each = [
        [(name, s % 24, h) for s in range(start[0], start[1] + 1) for h in range(hours[0], hours[1] + 1)]
        for name, (start, hours) in ranges.items()
    ]
    wanted = set()
    for one in itertools.product(*each):
        day = placed(present, {name: (s, h) for name, s, h in one}, names[-1])
        if day is not None and set(day) >= (set(names) if known else set(chosen)):
            wanted.add(tuple(day))
    if not wanted or any(len(set(day)) < len(names) for day in wanted):
        return
    found = [tuple(by_hour(one)) for one in candidates(tariff)]
    assert len(found) == len(set(found))
    assert set(found) == wanted


def test_windows_run_over_midnight_and_freed_hours_go_to_the_rest():
    tariff = Windows(**USUAL, choose=(peak((23, 1), (2, 2)),), rest="flat")
    first = candidates(tariff)[0]
    assert first.by_name == {"peak": ("23-1",), "flat": ("7-23",), "valley": ("1-7",)}
    assert [one.by_name["peak"] for one in candidates(tariff)] == [("23-1",), ("0-2",), ("1-3",)]


def test_kinds_of_days_share_a_window_or_have_their_own():
    weekend = DayWindows(name="weekend", which="weekends", windows={"flat": ("8-20",), "valley": ("20-8",)})
    shared = Windows(**USUAL, days=(weekend,), choose=(peak((16, 17), (3, 3), days=("usual", "weekend")),), rest="flat")
    found = candidates(shared)
    assert len(found) == 2
    assert all(one.by_name["peak"] == one.days[0].windows["peak"] for one in found)
    own = (peak((16, 17), (3, 3)), WindowChoice(period="flat", start=(8, 10), hours=(10, 10), days=("weekend",)))
    apart = candidates(Windows(**USUAL, days=(weekend,), choose=own, rest="valley"))
    assert len(apart) == 6
    assert {one.days[0].windows["flat"] for one in apart} == {("8-18",), ("9-19",), ("10-20",)}
    again = with_hours(shared, json.loads(json.dumps(windows_by_kind(found[1]))))
    assert again == found[1]


def scenario_of(tmp_path, text, cars=3_000):
    path = tmp_path / "mine.toml"
    path.write_text(f"[fleet]\nn_ev = {cars}\n{text}")
    return load_scenario(path)


PEAK = '[tariff]\nrest = "flat"\n[[tariff.choose]]\nperiod = "peak"\nstart = [15, 17]\nhours = [3, 4]\n'


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("[15, 17]", "[15, 25]", "tariff.choose.0: start must be two hours from 0 to 24, not [15, 25]"),
        ("[3, 4]", "[0, 4]", "hours must be a least and a greatest length from 1 to 23, not [0, 4]"),
        ("[3, 4]", "[5, 4]", "hours must be a least and a greatest length from 1 to 23, not [5, 4]"),
        ("[3, 4]", "[3.5, 4]", "tariff.choose.0.hours.0"),
        ("[3, 4]\n", "[3, 4]\ndays = []\n", "days must name at least one kind of days"),
        ("[3, 4]\n", '[3, 4]\ndays = ["weekend"]\n', "there is no kind of days 'weekend'; there are usual"),
        ('"peak"', '"day"', "there is no period 'day'; periods are peak, flat, valley"),
        ('rest = "flat"', "", "rest must name the period that takes the hours of no other"),
        ('rest = "flat"', 'rest = "peak"', "one that is not chosen (flat, valley), not 'peak'"),
        (PEAK, PEAK + PEAK.split("\n", 2)[2], "'peak' is to be chosen twice on 'usual' days"),
        (PEAK, '[tariff]\nrest = "flat"\n', "rest names the period of hours that no chosen window takes"),
        (PEAK, '[tariff]\nrest = "b"\nperiods = [{ name = "a" }, { name = "b" }]\nchoose = '
         '[{ period = "a", start = [8, 9], hours = [2, 3] }]\n[prices.start]\na = 4\nb = 3\n',
         "prices.start must be one price for all periods"),
    ],
)  # fmt: skip
def test_a_wrong_choice_is_one_sentence(tmp_path, old, new, sentence):
    assert old in PEAK
    with pytest.raises(InputError) as error:
        scenario_of(tmp_path, PEAK.replace(old, new))
    assert sentence in str(error.value)


def test_too_many_hours_and_none(tmp_path):
    wide = (peak((0, 23), (1, 23)), WindowChoice(period="valley", start=(0, 23), hours=(1, 23)))
    with pytest.raises(InputError, match=f"more than {MOST_HOURS} sets of hours"):
        candidates(Windows(**USUAL, choose=wide))
    both = (peak((16, 16), (4, 4)), WindowChoice(period="valley", start=(17, 17), hours=(4, 4)))
    with pytest.raises(InputError, match="no windows within these ranges go together"):
        candidates(Windows(**USUAL, choose=both))


def test_the_bill_in_force_is_that_of_the_hours_in_force(case):
    case = case.with_changes(n_ev=3_000)
    hours = with_hours(case.tariff, {"usual": {"peak": ["6-9"], "flat": ["9-23"], "valley": ["23-6"]}})
    present, day = build_day(case), build_day(case, hours)
    problem = EVPricing(day)
    assert acceptable_bill(day) == acceptable_bill(present)
    assert day.bill_before == pytest.approx(present.bill_before, rel=1e-12)
    assert problem.quantities_in_force() == pytest.approx(EVPricing(present).quantities_in_force(), rel=1e-12)
    start = present.prices.in_force
    row = problem.outcome(np.vstack([start, start]), in_force=1)
    wanted = evaluate(start[None], present)
    assert row.g2_mw[1] == wanted.g2_mw[0]
    assert row.g2_mw[0] != wanted.g2_mw[0]
    # the mean price of the hours of each new period at present, weighted by what is charged then
    old = start[present.period]
    for p in range(3):
        inside = day.period == p
        mean = (old * day.profile_mw)[inside].sum() / day.profile_mw[inside].sum()
        assert day.prices.start_prices[p] == pytest.approx(mean, rel=1e-9)
    # all assumptions and the load are drawn alike on both hours
    for one in draw_days(day, draws=3, seed=1):
        assert one.in_force.fleet.n_ev == one.fleet.n_ev
        assert np.array_equal(one.in_force.days_mw, one.days_mw)
        assert one.in_force.response == one.response


def grid(problem, step):
    """Objectives of all tariffs of a grid of charge prices that keep the constraints, discharge prices at the least."""
    low, high = problem.price_bounds
    n = problem.day.n_periods
    values = np.arange(low[0], high[0] + 1e-9, step)
    charge = np.array([one for one in itertools.product(values, repeat=n) if list(one) == sorted(one, reverse=True)])
    X = np.hstack([charge, np.tile(low[n:], (len(charge), 1))])
    outcome = evaluate(X, problem.day)
    kept = (outcome.constraints <= 0).all(axis=1)
    return outcome.objectives(problem.objective_set)[kept]


@pytest.mark.parametrize("objectives", ["paper", "market"])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_best_hours_are_those_of_a_grid_over_all_hours_and_prices(tmp_path, objectives, seed):
    """Two periods, so that the grid is fine; hours written down by hand, the scale from the grids' extremes."""
    text = """
[tariff]
periods = [{ name = "peak", windows = ["14-20"] }, { name = "valley", windows = ["20-14"] }]
choose = [{ period = "peak", start = [16, 18], hours = [3, 4] }]
[prices]
start = { peak = 40, valley = 15 }
"""
    scenario = scenario_of(tmp_path, text)
    scenario = dataclasses.replace(scenario, fleet=dataclasses.replace(scenario.fleet, seed=seed, n_ev=200_000))
    found = choose_hours(scenario, objectives=objectives)
    fronts = {}
    for start, length in itertools.product(range(16, 19), range(3, 5)):
        end = (start + length) % 24 or 24
        hours = (
            Period(name="peak", windows=(f"{start}-{end}",)),
            Period(name="valley", windows=(f"{end % 24}-{start}",)),
        )
        fronts[f"{start}-{end}"] = grid(
            EVPricing(build_day(scenario, Windows(periods=hours)), objectives=objectives), 1.0
        )
    present = grid(EVPricing(build_day(scenario), objectives=objectives), 1.0)
    everything = np.vstack([*fronts.values(), present])
    scale = found.standard.scale
    # the scale's best values are at least as good as the grid's, and hardly better
    span = scale.worst - scale.best
    assert (scale.best <= everything.min(axis=0) + 1e-6 * span).all()
    assert (everything.min(axis=0) - scale.best <= 0.02 * span).all()
    scores = {hours: scale.score(F).max() for hours, F in fronts.items()}
    ours = {one.tariff.by_name["peak"][0]: one for one in found.options}
    for hours, score in scores.items():
        assert ours[hours].score >= score - (0.0 if ours[hours].searched else 0.02) - 1e-6, hours
        if ours[hours].searched:
            assert ours[hours].score <= score + 0.02, hours
    top = max(scores.values())
    assert found.standard.best_score == pytest.approx(top, abs=0.02)
    tolerance = scenario.choice.tolerance
    chosen = found.options[0]
    assert chosen.recommendation.score >= found.standard.best_score - tolerance - 1e-9
    assert ours["14-20"].in_force
    assert not ours["14-20"].allowed


@pytest.mark.long
def test_every_set_of_hours_searched_in_full_gives_the_same_choice(tmp_path, monkeypatch):
    """The short searches leave out nothing: the choice is that of a margin so wide that all hours are searched."""
    scenario = scenario_of(tmp_path, PEAK.replace("[15, 17]", "[16, 18]"), cars=30_000)
    short = choose_hours(scenario, objectives="market")
    monkeypatch.setattr("csmoifsa_ev.study.hours._MARGIN", 9.0)
    full = choose_hours(scenario, objectives="market")
    assert all(one.searched for one in full.options)
    assert full.chosen == short.chosen
    assert full.standard.best_score == pytest.approx(short.standard.best_score, abs=1e-6)
    scores = {str(one.tariff.by_name): one.score for one in full.options}
    for one in short.options:
        assert one.score <= scores[str(one.tariff.by_name)] + 1e-6


def test_hours_in_force_that_are_allowed_and_best_stay(tmp_path):
    scenario = scenario_of(tmp_path, PEAK.replace("[15, 17]", "[14, 14]").replace("[3, 4]", "[7, 7]"))
    found = choose_hours(scenario)
    assert [one.in_force for one in found.options] == [True]
    assert found.problem.day.hours_in_force is None


def test_a_study_shows_the_hours_chosen_everywhere(tmp_path):
    study = run_study(
        scenario_of(tmp_path, PEAK, cars=300_000), n_eval=600, pop_size=20, objectives="market", round_to=0.5
    )
    chosen = study.hours.chosen
    assert study.scenario.tariff == chosen
    assert chosen.by_name["peak"] != ("14-21",)
    option = study.hours.options[0]
    assert option.recommendation.tariff == pytest.approx(study.recommended)
    assert study.recommendation.score == option.recommendation.score
    assert study.choices["start"][:3] == pytest.approx([44.549, 24.311, 11.628])
    table = tariff_table(study)
    assert table["hours"][0] == chosen.by_name["peak"][0]
    assert table["hours_in_force"][0] == "14-21"
    document = urdb_of(study)
    assert [k for k, p in enumerate(document["energyweekdayschedule"][0]) if p == 0] == [
        hour for hour, name in enumerate(by_hour(chosen)) if name == "peak"
    ]
    summary = write_tables(study, tmp_path / "out")
    for language in LANGUAGES:
        meanings = columns_table(tmp_path / "out", dict(summary), language).to_numpy()
        assert [row for row in meanings if not row[2]] == []
    rows = pd.read_csv(tmp_path / "out" / "hours.csv")
    assert len(rows) == 7  # six sets of hours, and those in force
    assert rows["chosen"].tolist() == [True] + [False] * 6
    assert summary["hours"]["score_in_force"] == pytest.approx(rows.loc[rows["in_force"], "score"].item())
    inputs = pd.read_csv(tmp_path / "out" / "inputs.csv").set_index("key")["value"]
    assert inputs["tariff.peak"] == "14-21"
    assert inputs["tariff.choose.1.period"] == "peak"
    present = EVPricing(build_day(study.asked))
    in_force = present.outcome(present.day.prices.in_force)
    assert summary["in_force"]["driver_bill_per_day"] == pytest.approx(in_force.driver_bill_per_day[0], rel=1e-12)
    bills = study.customers
    paid = bills["bill_in_force"].mean() * 12 / 365 * 300_000
    assert paid == pytest.approx(in_force.driver_bill_per_day[0], rel=0.03)  # 2,000 sampled customers stand for all


def test_hours_for_a_tariff_of_one_price_are_found(tmp_path):
    rates = [[{"rate": 0.21, "unit": "kWh"}]]
    flat = {
        "energyratestructure": rates,
        "energyweekdayschedule": [[0] * 24] * 12,
        "energyweekendschedule": [[0] * 24] * 12,
    }
    (tmp_path / "one.json").write_text(json.dumps(flat))
    text = """
[tariff]
file = "one.json"
periods = [{ name = "evening" }, { name = "rest" }]
choose = [{ period = "evening", start = [16, 18], hours = [3, 4] }]
"""
    scenario = scenario_of(tmp_path, text)
    assert dict(scenario.prices.start) == {"evening": 21.0, "rest": 21.0}
    with pytest.raises(InputError, match="the tariff has no hours yet"):
        build_day(scenario)
    study = run_study(scenario, n_eval=400, pop_size=20)
    assert study.day.hours_in_force is None
    assert not any(one.in_force for one in study.hours.options)
    assert "evening" in study.scenario.tariff.by_name
    flat["energyratestructure"] = [*rates, [{"rate": 0.4, "unit": "kWh"}]]
    flat["energyweekdayschedule"] = [[0] * 12 + [1] * 12] * 12
    (tmp_path / "one.json").write_text(json.dumps(flat))
    with pytest.raises(InputError, match="the file has several prices on that day"):
        scenario_of(tmp_path, text)
    own = text.replace('periods = [{ name = "evening" }, { name = "rest" }]', "").replace("evening", "peak")
    assert scenario_of(tmp_path, own).tariff.by_name == {"peak": ("12-24",), "valley": ("0-12",)}
