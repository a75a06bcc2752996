"""A search that was stopped and goes on from its checkpoint ends as one that never stopped."""

from __future__ import annotations

import numpy as np
import pytest

from csmoifsa.errors import InputError
from csmoifsa.runs import Checkpoint
from csmoifsa_ev.study.study import run_study
from ev.test_study import scenario_file  # noqa: F401  (a fixture)

SMALL = {"n_eval": 600, "pop_size": 20, "seed": 3}


class Stopping(Checkpoint):
    """Saves each generation, and stops the search after some of them."""

    def __init__(self, path, generations):
        super().__init__(path, 0.0)
        self.left = generations

    def consider(self, algorithm):
        super().consider(algorithm)
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


def test_a_stopped_search_goes_on_to_the_same_study(scenario_file, tmp_path):  # noqa: F811
    from csmoifsa_ev.inputs.scenario import load_scenario

    scenario = load_scenario(scenario_file)
    whole = run_study(scenario, **SMALL)
    path = tmp_path / "search.npz"
    with pytest.raises(KeyboardInterrupt):
        run_study(scenario, **SMALL, checkpoint=Stopping(path, 5))
    evaluations = []
    resumed = run_study(scenario, **SMALL, checkpoint=Checkpoint(path, 0.0), progress=evaluations.append)
    assert evaluations[0] > 100  # it did not begin anew
    np.testing.assert_array_equal(resumed.front, whole.front)
    np.testing.assert_array_equal(resumed.recommended, whole.recommended)
    assert resumed.n_eval == whole.n_eval

    with pytest.raises(InputError, match="another pop_size or seed"):
        run_study(scenario, **{**SMALL, "seed": 4}, checkpoint=Checkpoint(path, 0.0))
    with pytest.raises(InputError, match="another problem"):
        run_study(scenario.with_changes(n_ev=2500), **SMALL, checkpoint=Checkpoint(path, 0.0))
