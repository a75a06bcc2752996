"""Cells of a file: numbers, time stamps and separators, recognised or asked about."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from csmoifsa_energy.readers.layout import find_separator
from csmoifsa_energy.readers.numbers import UnclearNumberError, style_of
from csmoifsa_energy.readers.stamps import UnclearDateError, read_stamps


@pytest.mark.parametrize(
    ("texts", "separator", "want"),
    [
        (["4,133.6", "12"], ",", [4133.6, 12.0]),
        (["4.133,6", "1.000"], ";", [4133.6, 1000.0]),
        (["4146,4", "0,5", "-,5"], ";", [4146.4, 0.5, -0.5]),
        (["24.966", "-1.5e3"], ",", [24.966, -1500.0]),
        (["4 133,6", "4\u00a0133,6"], ";", None),  # two ways to group
        (["1'234.5"], ";", [1234.5]),
        (["0,133"], ",", [0.133]),
        (["4,133"], ",", "asks"),
        (["4.133"], ";", "asks"),
        (["4.133", "4.1"], ";", [4.133, 4.1]),
        (["4133,5", "4133.5"], ";", "asks"),
        (["9030.0", "1,500"], ",", None),  # grouped in one, not in the other
        (["1,5", "9030"], ",", [1.5, 9030.0]),
        (["12,34,567"], ",", None),
        (["n/a", "", "1.5"], ",", None),
    ],
)
def test_numbers(texts, separator, want):
    if want == "asks":
        with pytest.raises(UnclearNumberError):
            style_of(texts, separator)
        return
    read = [style_of(texts, separator).read(text) for text in texts]
    assert (read == want) if want is not None else None in read


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("2024-02-29 24:00", datetime(2024, 3, 1)),
        ("20240708 01:00", datetime(2024, 7, 8, 1)),
        ("8-Jul-2024 1:00 pm", datetime(2024, 7, 8, 13)),
        ("2024.7.8 5:07:09", datetime(2024, 7, 8, 5, 7, 9)),
        ("2024-07-08T01:00+0530", datetime(2024, 7, 7, 19, 30, tzinfo=UTC)),
        ("2024-07-08 24:30", None),
        ("2024-07-08 13:00 PM", None),
        ("2024-13-08 01:00", None),
        ("08-07-24 01:00", None),
        ("2024-07-08", None),
        ("2024-07-08 01:00 PDT", None),
        ("2024-07/08 01:00", None),
    ],
)
def test_stamps(text, want):
    assert read_stamps([text]).begin == [want]


def test_dates_of_equal_day_and_month_are_clear():
    assert read_stamps(["05/05/2024 01:00"]).begin == [datetime(2024, 5, 5, 1)]
    with pytest.raises(UnclearDateError):
        read_stamps(["05/05/2024 01:00", "05/06/2024 01:00"])


def test_separators():
    assert find_separator("sep=;\na;b\n1;2\n") == ";"
    assert find_separator('a,b\n"1;2",3\n') == ","
    assert find_separator("a\tb\n1,5\t2,5\n") == "\t"
