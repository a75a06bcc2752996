"""Windows partition the day, and the reference is what the scenario says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csmoifsa.errors import InputError
from csmoifsa_energy.clock import clock_to_minutes
from csmoifsa_ev.model.tariff import PriceTerms, Windows

PEAK, FLAT, VALLEY = range(3)

EV_A = Windows(peak=("14-21",), flat=("7-14", "21-23"), valley=("23-7",))


def prices(reference, start=(40.0, 20.0, 10.0)):
    peak, flat, valley = start
    return PriceTerms(
        unit="cents/kWh",
        currency="$",
        units_per_currency=100,
        start={"peak": peak, "flat": flat, "valley": valley},
        reference=reference,
        charge_bounds=(5, 50),
        discharge_bounds=(5, 50),
    )


def test_hours_by_hand():
    period = EV_A.period_of_step(24)
    assert period.tolist() == [VALLEY] * 7 + [FLAT] * 7 + [PEAK] * 7 + [FLAT] * 2 + [VALLEY]
    assert EV_A.period_of_step(96).tolist() == np.repeat(period, 4).tolist()


def test_reference_by_hand():
    period = EV_A.period_of_step(24)
    assert prices("flat").reference_prices(period) == pytest.approx([(7 * 40 + 9 * 20 + 8 * 10) / 24] * 3)
    assert prices(12.5).reference_prices(period).tolist() == [12.5] * 3
    assert prices({"peak": 3, "flat": 2, "valley": 1}).reference_prices(period).tolist() == [3, 2, 1]
    assert prices("flat").per_mwh == 10.0  # 1 cent/kWh is 10 $/MWh


@given(st.lists(st.integers(0, 95), min_size=3, max_size=6, unique=True))
def test_windows_cut_anywhere_cover_every_quarter_once(cuts):
    cuts = sorted(cuts)
    windows = {"peak": [], "flat": [], "valley": []}
    for k, (first, last) in enumerate(zip(cuts, [*cuts[1:], cuts[0]], strict=True)):
        name = ("peak", "flat", "valley")[k % 3]
        windows[name].append(f"{first // 4}:{first % 4 * 15:02d}-{last // 4}:{last % 4 * 15:02d}")
    period = Windows(**{name: tuple(value) for name, value in windows.items()}).period_of_step(96)
    for k, first in enumerate(cuts):
        assert period[first] == k % 3


@pytest.mark.parametrize(
    ("windows", "told"),
    [
        ({"peak": ("14-21",), "flat": ("7-14",), "valley": ("23-7",)}, "no period covers 21:00"),
        ({"peak": ("13-21",), "flat": ("7-14", "21-23"), "valley": ("23-7",)}, "'7-14' overlaps 'peak' at 13:00"),
        ({"peak": (), "flat": ("7-23",), "valley": ("23-7",)}, "peak: needs at least one window"),
        ({"peak": ("14-25",), "flat": ("7-14",), "valley": ("23-7",)}, "'25' is not a time"),
        ({"peak": ("14",), "flat": ("7-14",), "valley": ("23-7",)}, "'' is not a time"),
        ({"peak": ("14-14",), "flat": ("7-14",), "valley": ("23-7",)}, "'14-14' is empty"),
    ],
)
def test_bad_windows_are_named(windows, told):
    with pytest.raises(InputError, match=told):
        Windows(**windows)


def test_a_window_inside_a_step_is_named():
    windows = Windows(peak=("14:30-21",), flat=("7-14:30", "21-23"), valley=("23-7",))
    assert windows.period_of_step(48)[29] == PEAK
    with pytest.raises(InputError, match="60-minute step that begins at 14:00"):
        windows.period_of_step(24)
    with pytest.raises(InputError, match="7 steps do not divide"):
        windows.period_of_step(7)


@given(st.text(max_size=6))
def test_any_text_is_a_time_or_an_input_error(text):
    try:
        assert 0 <= clock_to_minutes(text, "peak") <= 1440
    except InputError as error:
        assert "peak" in str(error)  # noqa: PT017


def test_bounds_must_be_ordered():
    with pytest.raises(InputError, match="charge_bounds"):
        PriceTerms(**{**vars(prices("flat")), "charge_bounds": (9, 9)})
