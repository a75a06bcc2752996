"""Random small games of every kind, for the comparison with the full program."""

import numpy as np

from csmoifsa_aggregator.model.battery import Batteries
from csmoifsa_aggregator.model.game import Game, Storage

KINDS = (
    *("resale", "resale", "resale", "storage", "plain", "import limit", "blocks", "everything"),
    *("v2g", "v2g and storage"),
)
"""What the seeds go through. ``resale``: selling always pays at least the cheaper way to buy, real-time energy is
often cheaper than day-ahead, and there is a storage, so that selling keeps the load from buying in real time."""


def draw_game(seed):
    """Return the kind and the game of a seed: 2 to 4 steps, 1 to 3 classes."""
    rng = np.random.default_rng([31, seed])
    kind = KINDS[seed % len(KINDS)]
    v2g = kind.startswith("v2g")
    steps = int(rng.integers(3 if v2g or kind == "resale" else 2, 6 if kind == "resale" else 5))
    classes = int(rng.integers(1, 3 if v2g or kind == "everything" else 4))
    p = np.round(rng.uniform(0.1, 1.0, steps), 2)
    if not v2g and rng.random() < 0.3:
        p = np.where(rng.random(steps) < 0.4, -p, p)
    dt = float(rng.choice([1.0, 1.0, 0.5, 2.0]))
    buy = np.round(p * rng.choice([0.5, 0.8, 0.9, 1.0, 1.2], steps), 3)
    sell = np.round(p * rng.choice([-0.5, 0.5, 0.9, 1.0, 1.1, 1.4], steps), 3)
    if kind == "resale":
        buy = np.round(p - np.abs(p) * rng.choice([0.2, 0.05, 0.0, -0.2], steps, p=[0.6, 0.2, 0.1, 0.1]), 3)
        sell = np.round(np.minimum(p, buy) + np.abs(p) * rng.uniform(0.0, 0.4, steps), 3)
    if rng.random() < 0.1:
        sell = buy.copy()
    band = rng.choice([0.0, 0.1, 0.3, 0.6], steps)
    if kind == "resale" and rng.random() < 0.7:
        band = np.full(steps, 0.5)
    lower, upper = np.round(p - band * np.abs(p), 4), np.round(p + band * np.abs(p), 4)
    power = rng.integers(1, 9, classes).astype(float)
    window = rng.random((classes, steps)) < 0.7
    window[np.arange(classes), rng.integers(0, steps, classes)] = True
    room = window.sum(axis=1)
    taken = np.where(rng.random(classes) < 0.5, rng.integers(1, room + 1), np.round(room * rng.uniform(0.1, 1.0), 2))
    has_storage = kind in ("resale", "storage", "everything", "v2g and storage")
    return kind, Game(
        name=f"{kind} {seed}",
        day_ahead=p,
        buy=buy,
        sell=sell,
        lower=lower,
        upper=upper,
        mean=float(lower.mean() + rng.random() * (upper.mean() - lower.mean())),
        mean_sense=str(rng.choice(["==", "<="])),
        energy_kwh=taken * power * dt,
        power_kw=power,
        window=window,
        count=np.ones(classes),
        dt_h=dt,
        storage=_storage(rng) if has_storage else None,
        import_limit_kw=_import_limit(rng, power, steps)
        if kind == "import limit" or (kind == "everything" and rng.random() < 0.5)
        else None,
        **(_blocks(rng, power) if kind == "blocks" or (kind == "everything" and rng.random() < 0.7) else {}),
        cars=_cars(rng, steps, dt) if v2g else None,
    )


def _storage(rng):
    capacity = float(rng.integers(1, 11))
    return Storage(
        power_kw=float(rng.integers(1, 9)),
        capacity_kwh=capacity,
        initial_kwh=float(np.round(capacity * rng.choice([0.0, 0.3, 0.7, 1.0]), 2)),
        efficiency=float(rng.choice([1.0, 0.9, 0.8])),
    )


def _import_limit(rng, power, steps):
    return np.round(power.sum() * rng.uniform(0.5, 1.4, steps), 1)


def _blocks(rng, power):
    n = int(rng.integers(1, 4))
    kw = np.round(power.sum() * rng.uniform(0.0, 0.7, n), 1)
    kw[-1] = rng.choice([kw[-1], np.inf])
    return {
        "block_kw": kw,
        "block_premium": np.cumsum(np.round(rng.choice([-0.1, 0.0, 0.05, 0.3], n), 2).clip([-1.0] + [0.0] * (n - 1))),
    }


def _cars(rng, steps, dt):
    n = int(rng.integers(1, 3))
    length = rng.integers(2, steps + 1, n)
    arrival = np.round(rng.uniform(1, 9, n), 1)
    reach = np.minimum(10.0, arrival + 0.9 * 3.0 * dt * length)
    return Batteries(
        names=tuple(f"v{i}" for i in range(n)),
        count=rng.integers(1, 3, n),
        charge_kw=3.0,
        discharge_kw=rng.choice([0.0, 1.0, 3.0], n),
        capacity_kwh=10.0,
        floor_kwh=1.0,
        arrival_kwh=arrival,
        departure_kwh=np.round(np.maximum(1.0, reach * rng.uniform(0.2, 0.95, n)), 1),
        efficiency=0.9,
        wear=rng.choice([0.0, 0.02, 0.1], n),
        start=rng.integers(0, steps, n),
        length=length,
        n_steps=steps,
        dt_h=dt,
    )
