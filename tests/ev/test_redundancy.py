"""Objectives that are one along a front, on outcomes made by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from csmoifsa_ev.study.redundancy import redundant_objectives


def front(*columns) -> Any:
    F = np.array(columns, dtype=float).T
    return SimpleNamespace(objectives=lambda name: F)


def test_opposed_and_alike_objectives_are_found():
    random = np.random.default_rng(0).permutation(20)
    (pair,) = redundant_objectives(front(random, np.arange(20), -(np.arange(20) ** 3)), "market")
    assert pair["objectives"] == ["operator_profit_per_day", "driver_bill_per_day"]
    assert pair["opposed"]
    assert pair["rank_correlation"] == -1.0
    (pair,) = redundant_objectives(front(np.exp(random), random, np.arange(20)), "paper")
    assert pair["objectives"] == ["g2_mw", "saving_per_day"]
    assert not pair["opposed"]


def test_independent_constant_or_few_values_tell_nothing():
    random = np.random.default_rng(1)
    assert redundant_objectives(front(*random.normal(size=(3, 30))), "paper") == []
    assert redundant_objectives(front(np.zeros(9), np.arange(9), random.normal(size=9)), "paper") == []
    assert redundant_objectives(front([1, 2], [2, 1], [3, 4]), "paper") == []
