"""Saving a run and going on with it."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
from pymoo.optimize import minimize
from pymoo.problems import get_problem

from csmoifsa import CSMOIFSA, MOAFSA, load_problem
from csmoifsa.checkpoint import previous, read_checkpoint, write_checkpoint
from csmoifsa.errors import InputError

MAKERS = {"csmoifsa": CSMOIFSA, "moafsa": MOAFSA, "paper": lambda **k: CSMOIFSA(paper=True, **k)}
algorithms = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def stopped(make, problem, n_eval):
    algorithm = make(pop_size=20).setup(problem, seed=3, termination=("n_eval", n_eval))
    while algorithm.has_next():
        algorithm.next()
    return algorithm


@algorithms
@pytest.mark.parametrize("problem", [load_problem("zdt1"), get_problem("bnh")], ids=["kernel", "constraints"])
@pytest.mark.parametrize("n_eval", [7, 20, 95, 333])
def test_a_loaded_run_goes_on_as_if_never_stopped(make, problem, n_eval, tmp_path):
    whole = minimize(problem, make(pop_size=20), ("n_eval", 600), seed=3)
    algorithm = stopped(make, problem, n_eval)
    algorithm.save(tmp_path / "run.npz")
    kind = type(algorithm)
    loaded = kind.load(tmp_path / "run.npz", problem)
    result = minimize(problem, loaded, ("n_eval", 600))
    assert np.array_equal(result.F, whole.F)
    assert np.array_equal(result.X, whole.X)
    assert np.array_equal(result.G, whole.G)
    assert result.algorithm.evaluator.n_eval == 600
    assert result.algorithm.n_gen == whole.algorithm.n_gen
    again = kind.load(tmp_path / "run.npz", problem)  # and once more, for the file is not used up
    assert np.array_equal(minimize(problem, again, ("n_eval", 600), seed=3).F, whole.F)


def test_another_seed_problem_or_algorithm_is_refused(tmp_path):
    problem, file = load_problem("zdt1"), tmp_path / "run.npz"
    stopped(CSMOIFSA, problem, 100).save(file)
    with pytest.raises(InputError, match="has seed 3"):
        minimize(problem, CSMOIFSA.load(file, problem), ("n_eval", 200), seed=4)
    with pytest.raises(InputError, match="another problem: its class is ZDT1, here it is ZDT2"):
        CSMOIFSA.load(file, load_problem("zdt2"))
    with pytest.raises(InputError, match="another problem: its n_var is 30, here it is 10"):
        CSMOIFSA.load(file, load_problem("zdt1", n_var=10))
    with pytest.raises(InputError, match=r"unknown setting|written by ImmuneFishSwarm"):
        MOAFSA.load(file, problem)


def test_broken_files_are_refused_and_the_one_before_is_kept(tmp_path):
    problem, file = load_problem("zdt1"), tmp_path / "run.npz"
    algorithm = stopped(CSMOIFSA, problem, 100)
    algorithm.save(file)
    algorithm.next()
    algorithm.save(file)
    whole = file.read_bytes()
    assert previous(file).exists()
    random = np.random.default_rng(0)
    for n in [0, 1, 100, len(whole) // 2, len(whole) - 1]:
        file.write_bytes(whole[:n])
        with pytest.raises(InputError, match=r"not a whole checkpoint.*the one before it is"):
            CSMOIFSA.load(file, problem)
    for place in random.integers(0, len(whole), 60):
        broken = bytearray(whole)
        broken[place] ^= 0xFF
        file.write_bytes(bytes(broken))
        try:
            facts, arrays = read_checkpoint(file)
        except InputError:
            continue
        good_facts, good = read_checkpoint_of(whole, tmp_path)  # the flipped byte was in padding: nothing changed
        assert facts == good_facts
        assert all(np.array_equal(arrays[k], good[k]) for k in good)
    assert CSMOIFSA.load(previous(file), problem) is not None


def read_checkpoint_of(content, folder):
    path = folder / "good.npz"
    path.write_bytes(content)
    return read_checkpoint(path)


def test_foreign_files_are_refused(tmp_path):
    problem = load_problem("zdt1")
    np.savez(tmp_path / "a.npz", x=np.ones(3))
    (tmp_path / "b.npz").write_text("hello")
    np.savez(tmp_path / "c.npz", facts=np.frombuffer(b'{"format": "other"}', np.uint8))
    write_checkpoint(tmp_path / "d.npz", {"settings": {}}, {})
    with zipfile.ZipFile(tmp_path / "e.npz", "w") as file:
        file.writestr("facts.npy", json.dumps({}))
    for name in "abcde":
        with pytest.raises(InputError, match=f"{name}.npz"):
            CSMOIFSA.load(tmp_path / f"{name}.npz", problem)
    with pytest.raises(InputError, match="there is no checkpoint"):
        CSMOIFSA.load(tmp_path / "none.npz", problem)


def test_pickled_objects_are_never_loaded(tmp_path):
    np.savez(tmp_path / "evil.npz", facts=np.array([{"format": "x"}], dtype=object))
    with pytest.raises(InputError, match="not a whole checkpoint"):
        read_checkpoint(tmp_path / "evil.npz")


def test_an_unwritable_place_is_one_sentence_and_loses_nothing(tmp_path):
    algorithm = stopped(CSMOIFSA, load_problem("zdt1"), 100)
    with pytest.raises(InputError, match="cannot write"):
        algorithm.save(tmp_path / "missing" / "run.npz")
    assert np.isfinite(algorithm.opt.get("F")).all()
