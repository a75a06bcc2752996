"""Small games with known answers, typed in from the published data, and a reader for the larger ones."""

import json
from pathlib import Path

import numpy as np
import pytest

from csmoifsa_aggregator.inputs.case import load_case
from csmoifsa_aggregator.inputs.games import game_from_dict
from csmoifsa_aggregator.model.battery import Batteries
from csmoifsa_aggregator.model.game import Game

SHARED = Path(__file__).parents[3] / "shared" / "data"
WEI = load_case("wei-2015").game  # Wei et al. 2015: proven margin 52.8

# six hours, two classes; 5.54 by enumeration over all follower vertices
TINY = game_from_dict(
    {
        "p": [0.3, 0.55, 0.42, 0.8, 0.66, 0.38],
        "lb": [0.21, 0.385, 0.294, 0.56, 0.462, 0.266],
        "ub": [0.39, 0.715, 0.546, 1.04, 0.858, 0.494],
        "mean": 0.5,
        "pb": [0.36, 0.66, 0.504, 0.96, 0.792, 0.456],
        "ps": [0.36, 0.66, 0.504, 0.96, 0.792, 0.456],
        "E": [50.0, 24.0],
        "Pm": [20.0, 8.0],
        "W": [[True, True, True, True, False, False], [False, True, True, True, True, True]],
        "n": [10, 4],
        "dt": 1.0,
    }
)


def shared_game(name: str) -> Game:
    """Return a reference game, or skip the test where the folder is not there."""
    path = SHARED / "stackelberg" / f"{name}.json"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    return game_from_dict(json.loads(path.read_text()))


def cars(**changes) -> Batteries:
    """Return two classes of cars on a day of 12 steps that do not wrap."""
    values = {
        "names": ("a", "b"),
        "count": [3.0, 2.0],
        "charge_kw": 7.0,
        "discharge_kw": 7.0,
        "capacity_kwh": 40.0,
        "floor_kwh": 4.0,
        "arrival_kwh": [15.0, 20.0],
        "departure_kwh": [32.0, 36.0],
        "efficiency": 0.95,
        "wear": 0.01,
        "start": [0, 3],
        "length": [9, 9],
        "n_steps": 12,
        "dt_h": 1.0,
    }
    return Batteries(**{**values, **changes})


def random_small(rng: np.random.Generator, *, integer: bool) -> Game:
    """Draw a game small enough to enumerate: 4 to 6 hours, 2 or 3 classes."""
    steps, classes = int(rng.integers(4, 7)), int(rng.integers(2, 4))
    p = np.round(rng.uniform(0.2, 0.9, steps), 2)
    band = rng.choice([0.1, 0.2, 0.4])
    window = rng.random((classes, steps)) < 0.7
    window[np.arange(classes), rng.integers(0, steps, classes)] = True
    window[np.arange(classes), rng.integers(0, steps, classes)] = True
    power = np.round(rng.uniform(2, 20, classes), 1)
    room = window.sum(axis=1)
    ratio = np.array([rng.integers(1, n + 1) if integer else rng.uniform(0.3, n) for n in room])
    return Game(
        day_ahead=p,
        buy=1.2 * p,
        sell=1.1 * p,
        lower=(1 - band) * p,
        upper=(1 + band) * p,
        mean=float(p.mean() * rng.uniform(1 - 0.5 * band, 1 + 0.5 * band)),
        mean_sense=str(rng.choice(["==", "<="])),
        energy_kwh=ratio * power,
        power_kw=power,
        window=window,
        count=np.ones(classes),
        dt_h=1.0,
    )


AHEAD = 0.05 + 0.03 * np.sin(np.arange(12) / 2.0)  # day-ahead price of twelve steps [$/kWh]


def real(seed, size=12, ahead=AHEAD, phi=0.8, sd=0.02):
    """Return real-time prices (size,) that deviate from the day-ahead ones by an AR(1)."""
    rng = np.random.default_rng(seed)
    deviation, path = 0.0, []
    for _ in range(size):
        deviation = phi * deviation + sd * rng.normal()
        path.append(deviation)
    return ahead + np.array(path)
