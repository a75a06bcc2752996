"""What `ev check` says about valid but hardly plausible scenarios."""

from __future__ import annotations

import dataclasses

import pytest

from csmoifsa_ev.inputs.plausibility import implausible


@pytest.fixture
def day(small):
    return small.day


def changed(day, part, **values):
    return dataclasses.replace(day, **{part: dataclasses.replace(getattr(day, part), **values)})


def test_the_bundled_case_is_plausible(day):
    assert implausible(day) == []


def test_a_cost_line_for_another_load_is_told(day):
    scaled = dataclasses.replace(day, days_mw=day.days_mw * 0.2)  # 1,700 to 2,600 MW; the line is for 8,000 to 15,700
    (told,) = implausible(scaled)
    slope = (60 - 25) / (15_700 - 8_000)
    least = float((scaled.days_mw + scaled.fleet.profile_mw).min())
    assert f"gives {25 + slope * (least - 8000):,.1f} per MWh" in told
    (told,) = implausible(dataclasses.replace(day, days_mw=day.days_mw * 2))
    assert "beyond the two loads stated" in told


def test_bounds_reference_and_energy_are_told(day):
    assert "lies outside" in implausible(changed(day, "prices", charge_bounds=(5.0, 40.0)))[0]
    assert "over three times" in implausible(changed(day, "prices", charge_bounds=(5.0, 200.0)))[0]
    (told,) = implausible(changed(day, "prices", reference=80.0))
    assert told.startswith("prices.reference: habits are taken to come from 80.0")
    (told,) = implausible(changed(day, "fleet", n_ev=day.fleet.n_ev * 10))
    assert told.startswith("fleet: a car charges")
