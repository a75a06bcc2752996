"""Tables of a filing against plain loops over single hours, and its plan of measurement against simulated trials."""

from __future__ import annotations

import csv
from datetime import date, timedelta

import numpy as np
import pytest

from csmoifsa.errors import InputError
from csmoifsa_ev.inputs.filing import Measurement, read_rates
from csmoifsa_ev.inputs.inspection import inspect_scenario
from csmoifsa_ev.inputs.scenario import build_day, load_scenario
from csmoifsa_ev.model.outcome import evaluate
from csmoifsa_ev.study.filing import filing_tables, peak_variance
from csmoifsa_ev.study.marginal_cost import marginal_costs, top_share, year_steps
from csmoifsa_ev.study.measurement import FEWEST, CarDays, cars_needed, fewest, plan_table, share_variances
from csmoifsa_ev.study.period_energy import day_effects, drawn_effects, energy_table, outcomes_of
from csmoifsa_ev.study.sensitivity import draw_days

IN_FORCE = np.array([44.549, 24.311, 11.628, 5.0, 5.0, 5.0])
OFFERED = np.array([50.0, 30.0, 9.0, 40.0, 5.0, 5.0])

FACTORS = ", ".join(str(300 + 20 * h) for h in range(24))
STATED = f"""
[filing]
network = {{ per_kw_year = 60, top_hours = 300 }}
capacity = {{ per_kw_year = 90, top_hours = 500 }}
emissions = {{ values_per_mwh = [{FACTORS}] }}
"""


def write_load(path, days, seed=0):
    """Write an hourly load with weekdays, weekends and noise."""
    random = np.random.default_rng(seed)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["begin", "load_mw"])
        for k in range(days):
            day = date(2025, 6, 2) + timedelta(days=k)
            for h in range(24):
                level = 10_000 + 3_000 * np.sin((h - 9) / 24 * 2 * np.pi) - 800 * (day.weekday() >= 5)
                rows.writerow([f"{day} {h:02d}:00", f"{level + random.normal(0, 200):.1f}"])


@pytest.fixture(scope="module", params=["a day", "days of two kinds"])
def priced(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("filing")
    text = "[fleet]\nn_ev = 200_000\n" + STATED
    if request.param != "a day":
        write_load(folder / "load.csv", 14)
        text += (
            "[load]\ncsv = 'load.csv'\ntime_zone = 'local'\nstamp = 'beginning'\n"
            "first_day = 2025-06-02\nlast_day = 2025-06-15\n"
            "[tariff]\npeak = ['14-21']\nflat = ['7-14', '21-23']\nvalley = ['23-7']\n"
            "[[tariff.days]]\nname = 'weekend'\nwhich = 'weekends'\n"
            "windows = { flat = ['10-20'], valley = ['20-10'] }\n"
        )
    path = folder / "my.toml"
    path.write_text(text)
    scenario = load_scenario(path)
    day = build_day(scenario)
    rates = read_rates(scenario.filing, day, scenario.tariff)
    return scenario, day, rates, filing_tables(scenario, day, rates, (IN_FORCE, OFFERED))


def hours_of_a_year(day, tariff):
    """Yield hours the step stands for, kind, step, period, load, charging, discharging of each day and step [MW]."""
    for share, kind in zip(day.shares, day.kinds, strict=True):
        one = evaluate(tariff[None], kind)
        for d in range(len(kind.days_mw)):
            for t in range(24):
                charging = one.charging_mw[0, t] + one.recharging_mw[0, t]
                discharging = one.discharging_mw[0, t]
                load = kind.days_mw[d, t] + charging - discharging
                hours = 365.0 * share / len(kind.days_mw)
                yield hours, kind, t, int(kind.period[t]), load, charging, discharging


def slow_costs(scenario, day, tariff):
    """Return generation, capacity and network cost of each hour by plain loops [currency per MWh], and the hours."""
    hours = list(hours_of_a_year(day, tariff))
    (x0, x1), (y0, y1) = scenario.grid.marginal_cost_load_mw, scenario.grid.marginal_cost_per_mwh
    costs = [{"generation": (y0 + (y1 - y0) * (one[4] - x0) / (x1 - x0)) / 0.85} for one in hours]
    for name, per_kw, top in (("capacity", 90.0, 500.0), ("network", 60.0, 300.0)):
        left = top
        for k in sorted(range(len(hours)), key=lambda k: -hours[k][4]):
            taken = min(left, hours[k][0])
            costs[k][name] = per_kw * 1000.0 / top * taken / hours[k][0]
            left -= taken
    return hours, costs


def test_cost_to_serve_equals_plain_loops(priced):
    scenario, day, _, tables = priced
    table = tables.cost_to_serve.set_index("component")
    for which, tariff in (("in_force", IN_FORCE), ("offered", OFFERED)):
        hours, costs = slow_costs(scenario, day, tariff)
        for name in ("generation", "capacity", "network"):
            total = sum(one[0] * (one[5] - one[6]) * cost[name] for one, cost in zip(hours, costs, strict=True))
            assert table.loc[name, which] == pytest.approx(total, rel=1e-9)
        everything = sum(table.loc[name, which] for name in ("generation", "capacity", "network"))
        assert table.loc["all", which] == pytest.approx(everything)
        kwh = 1000 * sum(one[0] * one[5] for one in hours)
        assert table.loc["all", f"{which}_per_kwh"] == pytest.approx(100 * everything / kwh)
        paid = sum(one[0] * (tariff[one[3]] * one[5] - tariff[3 + one[3]] * one[6]) * 10 for one in hours)
        assert table.loc["revenue", which] == pytest.approx(paid, rel=1e-6)
    assert list(table["basis"][:3]) == ["grid.marginal_cost_per_mwh", "filing.capacity", "filing.network"]


def test_alignment_equals_plain_loops(priced):
    scenario, day, _, tables = priced
    table = tables.alignment.set_index("name")
    for which, tariff in (("in_force", IN_FORCE), ("offered", OFFERED)):
        hours, costs = slow_costs(scenario, day, tariff)
        for p, name in enumerate(("peak", "flat", "valley")):
            inside = [(one, sum(cost.values())) for one, cost in zip(hours, costs, strict=True) if one[3] == p]
            charged = sum(one[0] * one[5] for one, _ in inside)
            by_cars = sum(one[0] * one[5] * cost for one, cost in inside) / charged / 10
            by_load = sum(one[0] * one[4] * cost for one, cost in inside)
            by_load /= sum(one[0] * one[4] for one, _ in inside) * 10
            row = table.loc[f"charge_{name}"]
            assert row[f"{which}_price"] == tariff[p]
            assert row[f"{which}_mwh"] == pytest.approx(charged, rel=1e-9)
            assert row[f"{which}_cost"] == pytest.approx(by_cars, rel=1e-9)
            assert row[f"{which}_cost_by_load"] == pytest.approx(by_load, rel=1e-9)
            assert row[f"{which}_gap"] == pytest.approx(tariff[p] - by_cars, rel=1e-9)
    assert "discharge_peak" in table.index
    assert np.isnan(table.loc["discharge_peak", "in_force_price"])  # nobody discharges in force
    gaps = tables.figures.set_index("figure")
    hours, costs = slow_costs(scenario, day, OFFERED)
    off = [OFFERED[one[3]] - sum(cost.values()) / 10 for one, cost in zip(hours, costs, strict=True)]
    weight = [one[0] * one[5] for one in hours]
    mean = np.average(off, weights=weight)
    assert gaps.loc["mean_gap", "offered"] == pytest.approx(mean)
    assert gaps.loc["gap_spread", "offered"] == pytest.approx(np.sqrt(np.average((off - mean) ** 2, weights=weight)))


def test_energy_load_factor_and_emissions_equal_plain_loops(priced):
    _, day, _, tables = priced
    energy = tables.period_energy.set_index(["what", "unit"])
    figures = tables.figures.set_index("figure")
    for which, tariff in (("in_force", IN_FORCE), ("offered", OFFERED)):
        hours = list(hours_of_a_year(day, tariff))
        recharged = sum(
            365 * share * evaluate(tariff[None], kind).recharged_mwh[0]
            for share, kind in zip(day.shares, day.kinds, strict=True)
        )
        charged = [sum(one[0] * one[5] for one in hours if one[3] == p) / 365 for p in range(3)]
        charged[2] -= recharged / 365  # recharging is in the cheapest period
        for p, name in enumerate(("peak", "flat", "valley")):
            assert energy.loc[(name, "MWh/day"), which] == pytest.approx(charged[p], rel=1e-9)
            assert energy.loc[(name, "share"), which] == pytest.approx(charged[p] / sum(charged), rel=1e-9)
        mean = sum(one[0] * one[4] for one in hours) / 8760
        assert figures.loc["load_factor", which] == pytest.approx(mean / max(one[4] for one in hours))
        kg = sum(one[0] * (one[5] - one[6]) * (300 + 20 * one[2]) / 0.85 for one in hours)
        assert figures.loc["emissions", which] == pytest.approx(kg / 1000, rel=1e-9)
        assert figures.loc["emissions_per_car", which] == pytest.approx(kg / 200_000, rel=1e-9)
    assert energy.loc[("all periods", "MWh/day"), "change"] == pytest.approx(0, abs=1e-6)
    before = [energy.loc[(name, "MWh/day"), "before"] for name in ("peak", "flat", "valley")]
    np.testing.assert_allclose(before, day.energy_mwh)
    assert (tables.period_energy["offered_p5"] <= tables.period_energy["offered_p95"]).all()


def test_the_mean_day_by_plain_loops(priced):
    scenario, day, _, tables = priced
    hours, costs = slow_costs(scenario, day, OFFERED)
    table = tables.marginal_cost[tables.marginal_cost["tariff"] == "offered"]
    for kind in day.kinds:
        for t in (0, 9, 14, 18, 23):
            one = table[(table["days"] == (kind.title or "usual")) & (table["time"] == f"{t:02d}:00")].iloc[0]
            rows = [k for k, hour in enumerate(hours) if hour[1] is kind and hour[2] == t]
            assert one["network"] == pytest.approx(np.mean([costs[k]["network"] for k in rows]) / 10)
            assert one["all"] == pytest.approx(np.mean([sum(costs[k].values()) for k in rows]) / 10)
            assert one["load_mw"] == pytest.approx(np.mean([hours[k][4] for k in rows]))
            assert one["cars_mw"] == pytest.approx(np.mean([hours[k][5] - hours[k][6] for k in rows]))
            assert one["charge_price"] == OFFERED[kind.period[t]]
            assert one["period"] == day.names[kind.period[t]]


def test_intervals_are_quantiles_of_the_draws(small):
    """Twenty-one draws: the 5 % quantile is the second smallest, the 95 % quantile the second largest."""
    X = np.stack([IN_FORCE, OFFERED])
    stated = day_effects(small.day, outcomes_of(X, small.day), None)
    drawn = drawn_effects(X, small.day, None, draws=21, seed=4)
    row = energy_table(small.day, stated, drawn).set_index(["what", "unit"]).loc[("valley", "share")]
    shares = []
    for one in draw_days(small.day, draws=21, seed=4):
        charged = evaluate(X, one).charging_mw
        shares.append(charged[:, one.period == 2].sum(axis=1) / charged.sum(axis=1))
    for name, values in (
        ("in_force", [one[0] for one in shares]),
        ("offered", [one[1] for one in shares]),
        ("change", [one[1] - one[0] for one in shares]),
    ):
        assert row[f"{name}_p5"] == pytest.approx(sorted(values)[1])
        assert row[f"{name}_p95"] == pytest.approx(sorted(values)[-2])


def test_hours_of_the_highest_load_one_by_one():
    """Every hour of the year by itself: sorted, and counted from the highest, ties in equal parts."""
    random = np.random.default_rng(3)
    for _ in range(200):
        n = random.integers(1, 12)
        load = random.integers(-3, 6, n).astype(float)
        hours = random.integers(1, 9, n).astype(float)
        top = float(random.integers(1, hours.sum() + 1))
        single = sorted(
            (level for level, count in zip(load, hours, strict=True) for _ in range(int(count))), reverse=True
        )
        edge = single[int(top) - 1]
        above = sum(level > edge for level in single)
        for level, part in zip(load, top_share(load, hours, top), strict=True):
            wanted = 1.0 if level > edge else (top - above) / single.count(edge) if level == edge else 0.0
            assert part == pytest.approx(wanted)


def test_a_flat_load_pays_the_yearly_cost_of_its_power(priced):
    scenario, day, rates, _ = priced
    steps = year_steps(day, outcomes_of(OFFERED[None], day), 0)
    costs = marginal_costs(scenario.filing, rates, day, steps)
    assert (costs["capacity"] * steps.hours).sum() == pytest.approx(90_000)
    assert (costs["network"] * steps.hours).sum() == pytest.approx(60_000)
    assert steps.hours.sum() == pytest.approx(8760)


def test_without_inputs_the_model_s_own_costs_stand_in_and_say_so(case):
    scenario = case.with_changes(n_ev=50_000)
    day = build_day(scenario)
    table = filing_tables(scenario, day, read_rates(scenario.filing, day, scenario.tariff), (IN_FORCE, OFFERED))
    costs = table.cost_to_serve.set_index("component")
    assert costs.loc["network", "basis"] == "not given"
    assert np.isnan(costs.loc["network", "in_force"])
    assert "emissions" not in table.figures["figure"].to_list()
    assert costs.loc["capacity", "basis"] == "grid.peak_cost_per_mw_day"
    outcome = evaluate(IN_FORCE[None], day)
    top = int(outcome.load_mw[0].argmax())
    assert costs.loc["capacity", "in_force"] == pytest.approx(136 * 365 * outcome.charging_mw[0, top])


def test_files_of_hourly_rates_follow_the_kinds_of_days(priced, tmp_path):
    scenario, day, _, _ = priced
    write_load(tmp_path / "lmp.csv", 7)
    text = "[filing.generation]\ncsv = 'lmp.csv'\nvalue_column = 'load_mw'\nstamp = 'beginning'\ntime_zone = 'local'\n"
    (tmp_path / "a.toml").write_text(text + "first_day = 2025-06-02\nlast_day = 2025-06-08\n")
    filing = load_scenario(tmp_path / "a.toml").filing
    rates = read_rates(filing, day, scenario.tariff).generation or []
    values = [float(row["load_mw"]) for row in csv.DictReader((tmp_path / "lmp.csv").read_text().splitlines())]
    by_day = np.array(values).reshape(7, 24)
    wanted = [by_day] if len(day.kinds) == 1 else [by_day[:5], by_day[5:]]
    assert len(rates) == len(wanted)
    for found, rows in zip(rates, wanted, strict=True):
        np.testing.assert_allclose(found, rows.mean(axis=0))
    if len(day.kinds) > 1:
        (tmp_path / "b.toml").write_text(text + "first_day = 2025-06-02\nlast_day = 2025-06-04\n")
        with pytest.raises(InputError, match=r"filing\.generation: .*lmp\.csv has no day of the kind 'weekend'"):
            read_rates(load_scenario(tmp_path / "b.toml").filing, day, scenario.tariff)


BAD = {
    "[filing]\ngeneration = { per_mwh = 40, values_per_mwh = [1, 2, 3, 4] }": "one of per_mwh, values_per_mwh and csv",
    "[filing]\ngeneration = {}": "filing.generation: give one of per_mwh, values_per_mwh and csv",
    "[filing]\nemissions = { values_per_mwh = [1, 2, 3] }": "values_per_mwh has 3 values",
    "[filing]\ncapacity = { per_kw_year = 50 }": "the key 'filing.capacity.top_hours' is missing",
    "[filing]\ncapacity = { per_kw_year = 50, top_hours = 9000 }": "top_hours must be from 1 to 8760",
    "[filing]\nnetwork = { per_kw_year = -1, top_hours = 9 }": "per_kw_year must be a number from 0 up",
    "[filing]\nemission = { per_mwh = 1 }": "unknown key 'filing.emission'",
    "[filing.measurement]\npower = 1": "power must be above 0 and below 1",
    "[filing.measurement]\nrepeats = 1.5": "repeats must be between 0 and 1",
    "[filing.measurement]\ndays = 0": "days must be at least 1",
}


@pytest.mark.parametrize("text", BAD)
def test_bad_terms_are_one_sentence(text, tmp_path):
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(InputError) as error:
        load_scenario(tmp_path / "bad.toml")
    assert BAD[text] in str(error.value)
    assert "\n" not in str(error.value)


def test_faults_of_rates_are_found_before_the_search(tmp_path):
    (tmp_path / "bad.toml").write_text("[filing]\nemissions = { per_mwh = -3 }\n")
    assert [one.sentence for one in inspect_scenario(tmp_path / "bad.toml").faults] == [
        "filing.emissions: kilograms per MWh cannot be negative, but -3 is"
    ]
    (tmp_path / "gone.toml").write_text(
        "[filing.generation]\ncsv = 'gone.csv'\nday = 2025-06-02\n[fleet]\nn_ev = 'x'\n"
    )
    faults = inspect_scenario(tmp_path / "gone.toml").faults
    assert len(faults) == 2
    assert any("gone.csv" in fault.sentence for fault in faults)


# ------------------------------------------------------------------------------------------------ plan of measurement
def sample_of(random, m=400):
    energy = random.gamma(2.0, 5.0, m)
    parts = random.dirichlet([0.5, 0.3, 0.4], m).T
    moved = parts[0] * random.uniform(0.0, 0.5, m)
    after = np.stack([parts[0] - moved, parts[1], parts[2] + moved])
    return CarDays(weight=np.full(m, 1 / m), in_force_kwh=parts * energy, offered_kwh=after * energy)


def answers(sample, period, random, rows):
    """Draw what car-days charge in a period if each shifts all or nothing, and what they charge in all."""
    before, after = sample.in_force_kwh[period, rows], sample.offered_kwh[period, rows]
    energy = sample.in_force_kwh[:, rows].sum(axis=0)
    end = np.where(after < before, 0.0, energy)
    chance = np.divide(after - before, end - before, out=np.zeros_like(after), where=end != before)
    return np.where(random.random(len(rows)) < chance, end, before), energy


@pytest.mark.parametrize("period", [0, 2])
def test_simulated_trials_see_the_effect_as_often_as_planned(period):
    random = np.random.default_rng(7 + period)
    sample = sample_of(random)
    mean = sample.in_force_kwh.sum(axis=0).mean()
    effect = (sample.offered_kwh[period] - sample.in_force_kwh[period]).mean() / mean
    variances = share_variances(sample, period)
    n = int(fewest(effect, variances, 0.95, 0.8))
    seen = 0
    for _ in range(1_000):
        shares, errors = [], []
        for offered in (False, True):
            rows = random.integers(0, 400, n)
            y, e = answers(sample, period, random, rows)
            y = y if offered else sample.in_force_kwh[period, rows]
            share = y.sum() / e.sum()
            shares.append(share)
            errors.append(((y - share * e) ** 2).sum() / e.sum() ** 2)
        seen += abs(shares[1] - shares[0]) > 1.96 * np.sqrt(sum(errors))
    assert n > FEWEST
    assert 0.76 <= seen / 1_000 <= 0.84


def test_variance_of_a_share_by_drawing_many():
    random = np.random.default_rng(1)
    sample = sample_of(random)
    for period in range(3):
        rows = random.integers(0, 400, 400_000)
        y, e = answers(sample, period, random, rows)
        energy = sample.in_force_kwh.sum(axis=0)
        share = sample.offered_kwh[period].sum() / energy.sum()
        wanted = np.mean(((y - share * e) / energy.mean()) ** 2)
        assert share_variances(sample, period)[1] == pytest.approx(wanted, rel=0.02)


def test_days_of_one_car_that_resemble_each_other_count_less():
    random = np.random.default_rng(5)
    n, days, repeats = 40_000, 12, 0.3
    own = random.normal(size=(n, 1)) * np.sqrt(repeats)
    means = (own + random.normal(size=(n, days)) * np.sqrt(1 - repeats)).mean(axis=1)
    assert cars_needed(1e6, days, repeats) == pytest.approx(1e6 * means.var(), rel=0.03)
    assert cars_needed(600, 30, 1.0) == 600
    assert cars_needed(6_000, 30, 0.0) == 200
    assert cars_needed(fewest(0.0, (1.0, 1.0), 0.95, 0.8), 30, 0.5) == np.inf


def test_an_interval_with_zero_in_it_promises_nothing():
    random = np.random.default_rng(2)
    terms, peak = Measurement(), ((-50.0, -80.0, 10.0), 400.0, True)
    table = plan_table(
        terms, ("peak", "flat", "valley"), sample_of(random), [(-0.1, -0.2, -0.05), (0, 0, 0), (0.1, 0.05, 0.2)], peak
    ).set_index("figure")
    assert table.loc["peak", "smallest"] == -0.05
    assert table.loc["peak", "observations_smallest"] == pytest.approx(4 * table.loc["peak", "observations"], rel=0.02)
    assert np.isnan(table.loc["flat", "observations"])
    assert np.isnan(table.loc["daily peak", "observations_smallest"])
    assert table.loc["peak", "cars_to"] == table.loc["peak", "observations"]
    known = plan_table(Measurement(repeats=0.4), ("peak",), sample_of(random), [(-0.1, -0.2, -0.05)], peak).set_index(
        "figure"
    )
    assert known.loc["peak", "cars_from"] == known.loc["peak", "cars_to"]


def test_the_spread_of_peaks_is_about_the_mean_of_month_and_kind_of_day():
    random = np.random.default_rng(6)
    dates = [date(2025, 5, 1) + timedelta(days=k) for k in range(90)]
    level = [1_000 + 100 * one.month - 300 * (one.weekday() >= 5) for one in dates]
    peaks = np.array(level) + random.normal(0, 20, 90)
    squares, groups = 0.0, set()
    for one, peak in zip(dates, peaks, strict=True):
        alike = [
            p
            for p, d in zip(peaks, dates, strict=True)
            if (d.month, d.weekday() >= 5) == (one.month, one.weekday() >= 5)
        ]
        squares += (peak - sum(alike) / len(alike)) ** 2
        groups.add((one.month, one.weekday() >= 5))
    assert peak_variance(peaks, dates) == pytest.approx(squares / (90 - len(groups)))
    assert peak_variance(peaks[:5], dates[:5]) is None  # two kinds of days leave three of five
    assert peak_variance(peaks[:4], []) is None
    assert peak_variance(peaks, []) == pytest.approx(np.var(peaks, ddof=1))


@pytest.mark.slow
def test_the_command_writes_the_tables(tmp_path, run_cli):
    (tmp_path / "my.toml").write_text("[fleet]\nn_ev = 3000\n" + STATED)
    out = tmp_path / "out"
    answer = run_cli("ev", "price", tmp_path / "my.toml", "-n", "400", "--out", out, "--no-figures", "--no-report")
    assert answer.code == 0
    for name in ("marginal_cost", "cost_to_serve", "alignment", "period_energy", "filing_figures", "measurement"):
        assert (out / f"{name}.csv").is_file()
