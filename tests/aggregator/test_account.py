"""Who pays and gains what: bills of groups add up, in every way to run the day and every kind of contract."""

import numpy as np
import pytest

from csmoifsa_aggregator.inputs.case import load_case
from csmoifsa_aggregator.inputs.windows import plugged
from csmoifsa_aggregator.study.baselines import driver_groups
from csmoifsa_aggregator.study.impact import stakeholder_impact
from csmoifsa_aggregator.study.study import run_day
from csmoifsa_energy.clock import windows_of

BATTERY = 'base = "wei-v2g"\n[contract]\nv2g_share = 0.5\nstage_one = "battery"\n'


@pytest.fixture(scope="module", params=["wei-2015", "wei-v2g", "portfolio", "battery"])
def study(request, tmp_path_factory):
    if request.param != "battery":
        return run_day(load_case(request.param))
    path = tmp_path_factory.mktemp("case") / "battery.toml"
    path.write_text(BATTERY)
    return run_day(load_case(path))


def test_bills_of_the_groups_add_up(study):
    names, count = driver_groups(study.case)
    for one in study.accounts:
        assert one.per_car.shape == (len(names),)
        assert one.per_car @ count == pytest.approx(one.driver_cost, rel=1e-6), one.name


def test_all_cars_are_in_every_way_to_run_the_day(study):
    dt = study.case.game.dt_h
    bought = [one.load_kw.sum() * dt for one in study.accounts[:2]]  # nobody gives anything back in these two
    assert bought[0] == pytest.approx(bought[1])
    assert study.accounts[3].load_kw.sum() * dt >= bought[0] * (1 - 1e-9)


def test_loads_of_the_classes_add_up(study):
    total = {one.name: one.load_kw for one in study.accounts}
    np.testing.assert_allclose(sum(study.class_load.values()), total["stage one"], atol=1e-6)
    last = total.get("with V2G", total["stage one"])
    np.testing.assert_allclose(sum(study.contract_load.values()), last, atol=1e-6)


def test_the_account_compares_first_and_last(study):
    before, after = study.accounts[1], study.accounts[-1]
    lines = stakeholder_impact(study.case, before, after)
    profit, bill = lines[0], lines[1]
    assert (profit.before, profit.after) == (before.profit, after.profit)
    assert bill.after * driver_groups(study.case)[1].sum() == pytest.approx(after.driver_cost)
    assert bill.improves is (after.driver_cost < before.driver_cost)


@pytest.mark.parametrize(
    "windows", [["21:00-06:00"], ["00:00-24:00"], ["12:00-15:00", "19:00-08:00"], ["00:00-03:00"], ["20:00-24:00"]]
)
def test_windows_are_written_as_they_are_read(windows):
    assert windows_of(plugged(windows, 24, "window"), padded=True) == windows
    fine = plugged(windows, 96, "window")
    np.testing.assert_array_equal(plugged(windows_of(fine, padded=True), 96, "window"), fine)
