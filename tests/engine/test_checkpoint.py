"""Saving a run and going on with it."""

from __future__ import annotations

import errno
import io
import json
import os
import zipfile
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from pymoo.optimize import minimize
from pymoo.problems import get_problem

from csmoifsa import CSMOIFSA, MOAFSA, checkpoint, load_problem, npy, runs
from csmoifsa.checkpoint import previous, read_checkpoint, write_checkpoint
from csmoifsa.errors import InputError
from csmoifsa.identity import fingerprint

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
    for n in [0, 1, 100, len(whole) // 2, len(whole) - 1]:
        file.write_bytes(whole[:n])
        with pytest.raises(InputError, match=r"not a whole checkpoint.*the one before it is"):
            CSMOIFSA.load(file, problem)
    assert CSMOIFSA.load(previous(file), problem) is not None


def small(make, problem, n_eval=30):
    """Return a checkpoint in the middle of a generation as bytes."""
    algorithm = make(pop_size=4).setup(problem, seed=3, termination=("n_eval", n_eval))
    while algorithm.has_next():
        algorithm.next()
    engine = algorithm.engine
    members = {"facts": np.frombuffer(json.dumps(facts_of(algorithm)).encode(), np.uint8)}
    return checkpoint._archive(members | {f"array_{name}": array for name, array in engine.state.items()})


def facts_of(algorithm):
    return {
        **{"format": checkpoint.FORMAT, "version": checkpoint.VERSION, "engine": algorithm.engine_class.__name__},
        **{"settings": algorithm.engine.describe(), "seed": 3, "problem": fingerprint(algorithm.problem)},
    }


def sealed(content):
    """Return bytes with the checksum that belongs to them, as a forger would."""
    body = content[: -checkpoint._COMMENT]
    return body + b"sha256:" + sha256(body).hexdigest().encode()


def taken_up(kind, path, problem):
    """Return the state that a file leads to, or None if it is refused in one sentence."""
    try:
        return kind.load(path, problem).setup(problem, termination=("n_eval", 40)).engine.state
    except InputError as error:
        sentence = str(error)
    assert "\n" not in sentence
    assert str(path) in sentence
    return None


def test_each_flipped_byte_of_a_checkpoint_is_noticed():
    whole, path = small(CSMOIFSA, load_problem("zdt1", n_var=2)), Path("run.npz")
    facts, arrays = checkpoint._parse(whole, path)
    assert (facts["seed"], len(arrays)) == (3, 17)
    for place in range(len(whole)):
        broken = bytearray(whole)
        broken[place] ^= 0xFF
        with pytest.raises(InputError, match="not a whole checkpoint"):
            checkpoint._parse(bytes(broken), path)


@pytest.mark.parametrize("make", [CSMOIFSA, MOAFSA], ids=["csmoifsa", "moafsa"])
def test_a_flipped_byte_under_a_right_checksum_is_refused_or_does_no_harm(make, tmp_path):
    problem, file = load_problem("zdt1", n_var=2), tmp_path / "run.npz"
    whole = small(make, problem)
    refused = 0
    for place in range(0, len(whole) - checkpoint._COMMENT, 13):
        broken = bytearray(whole)
        broken[place] ^= 0xFF
        file.write_bytes(sealed(bytes(broken)))
        refused += taken_up(make, file, problem) is None
    assert refused > 100


FORGED = {
    "counters": [100_000, 30, 3, 10, 2],
    "population_rank": 10**6,
    "population_order": 2**30,
    "population_F": np.nan,
    "population_CV": -1.0,
    "population_X": 7.0,
    "population_n_uses": np.inf,
    "offspring_parent": 2**40,
    "offspring_behaviour": -1,
    "offspring_displacement": np.inf,
    "credit": np.nan,
    "success": 1.5,
    "step_lengths": -1.0,
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_array_is_refused_by_name(name, tmp_path):
    problem, file = load_problem("zdt1", n_var=2), tmp_path / "run.npz"
    algorithm = CSMOIFSA(pop_size=4).setup(problem, seed=3, termination=("n_eval", 22))
    while algorithm.has_next():
        algorithm.next()
    for shape in ("same", "other"):
        state = algorithm.engine.state
        state[name] = np.full_like(state[name], FORGED[name]) if shape == "same" else state[name][:-1]
        write_checkpoint(file, facts_of(algorithm), state)
        loaded = CSMOIFSA.load(file, problem) if name != "offspring_X" else None
        with pytest.raises(InputError, match=f"run.npz: the state's {name} "):
            loaded.setup(problem, termination=("n_eval", 40))


def test_ranks_and_order_must_follow_from_the_objectives():
    algorithm = stopped(CSMOIFSA, load_problem("zdt1"), 100)
    for name in ("population_rank", "population_order"):
        state = algorithm.engine.state
        state[name][:2] = state[name][1::-1] if name == "population_order" else state[name][:2] + 1
        with pytest.raises(InputError, match=rf"{name} (is not sorted|does not follow)"):
            algorithm.engine.state = state


@pytest.mark.parametrize(
    "change",
    [
        {"settings": 5}, {"settings": {"pop_size": 10**6}}, {"settings": {"pop_size": 4, "behaviours": 5}},
        {"settings": {"pop_size": 4, "callback": "os:system"}}, {"seed": -1}, {"seed": True}, {"seed": 10**30},
        {"problem": []}, {"problem": {"parameters": 3}}, {"engine": None}, {"engine": "FishSwarm"}, {"version": [1]},
    ],
    ids=str,
)  # fmt: skip
def test_forged_facts_are_refused(change, tmp_path):
    problem, file = load_problem("zdt1", n_var=2), tmp_path / "run.npz"
    algorithm = CSMOIFSA(pop_size=4).setup(problem, seed=3, termination=("n_eval", 22))
    algorithm.next()
    write_checkpoint(file, {**facts_of(algorithm), **change}, algorithm.engine.state)
    assert taken_up(CSMOIFSA, file, problem) is None


def test_a_zip_of_another_make_is_refused(tmp_path):
    problem, file = load_problem("zdt1", n_var=2), tmp_path / "run.npz"
    with zipfile.ZipFile(io.BytesIO(small(CSMOIFSA, problem))) as good:
        members = {info.filename: good.read(info) for info in good.infolist()}
    deep = b"\x93NUMPY\x01\x00\x10\x27" + b"(" * 10_000
    pickled = io.BytesIO()
    np.save(pickled, np.array([{}], dtype=object), allow_pickle=True)
    cases = [
        (zipfile.ZIP_DEFLATED, members), (zipfile.ZIP_LZMA, members),
        (zipfile.ZIP_STORED, members | {"array_credit.npy": deep}),
        (zipfile.ZIP_STORED, members | {"array_credit.npy": pickled.getvalue()}),
        (zipfile.ZIP_STORED, members | {"facts.npy": npy.pack(np.frombuffer(b"[" * 100_000, np.uint8))}),
        (zipfile.ZIP_STORED, members | {"array_more.npy": npy.pack(np.zeros(2))}),
    ]  # fmt: skip
    for compression, content in cases:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", compression) as archive:
            for name, part in content.items():
                archive.writestr(name, part)
            archive.comment = b"x" * checkpoint._COMMENT
        file.write_bytes(sealed(buffer.getvalue()))
        assert taken_up(CSMOIFSA, file, problem) is None
    flags = bytearray(small(CSMOIFSA, problem))
    place = flags.index(b"PK\x01\x02")
    flags[place + 8] |= 1  # says that the member is encrypted
    file.write_bytes(sealed(bytes(flags)))
    assert taken_up(CSMOIFSA, file, problem) is None


def test_a_shape_beyond_all_memory_is_refused_at_once():
    for shape in (b"(99999999999999,)", b"(999999999, 999999999)", b"(-1,)", b"(0x7,)"):
        header = b"{'descr': '<f8', 'fortran_order': False, 'shape': " + shape + b", }\n"
        with pytest.raises(ValueError, match=r"does not fit|does not begin"):
            npy.unpack(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"\0" * 64)


@pytest.mark.parametrize(
    "array", [np.zeros((0, 3)), np.arange(3), np.array([True, False]), np.ones((2, 1)), np.eye(2).T]
)
def test_arrays_come_back_from_bytes(array):
    other = npy.unpack(npy.pack(array))
    assert other.dtype == array.dtype
    np.testing.assert_array_equal(other, array)
    np.testing.assert_array_equal(np.load(io.BytesIO(npy.pack(array)), allow_pickle=False), array)
    with pytest.raises(TypeError):
        npy.pack(np.array(["text"]))


@pytest.mark.parametrize("make", [CSMOIFSA, MOAFSA], ids=["csmoifsa", "moafsa"])
def test_a_finished_run_makes_no_further_evaluation(make, tmp_path):
    problem, file = load_problem("zdt1"), tmp_path / "run.npz"
    algorithm = stopped(make, problem, 100)
    algorithm.save(file)
    for termination in (("n_eval", 100), ("n_eval", 60), ("n_gen", 5)):
        result = minimize(problem, make.load(file, problem), termination)
        assert result.algorithm.evaluator.n_eval == 100
        assert np.array_equal(result.F, algorithm.result().F)
    assert minimize(problem, make.load(file, problem), ("n_gen", 6)).algorithm.evaluator.n_eval == 120


def test_other_parameters_are_another_problem(tmp_path):
    file, table = tmp_path / "run.npz", tmp_path / "table.txt"
    table.write_text("1")
    (tmp_path / "own.py").write_text(
        "from pymoo.problems.multi import ZDT1\n\n\nclass Own(ZDT1):\n"
        "    def __init__(self, power=1.0, table=''):\n        super().__init__()\n        self.hidden = power\n"
    )
    own = f"{tmp_path / 'own.py'}:Own"
    parameters = {"power": 2.0, "table": str(table)}
    stopped(CSMOIFSA, load_problem(own, **parameters), 40).save(file)
    CSMOIFSA.load(file, load_problem(own, **parameters))
    with pytest.raises(InputError, match=r"its parameter power is 2\.0, here it is 3\.0"):
        CSMOIFSA.load(file, load_problem(own, **{**parameters, "power": 3.0}))
    with pytest.raises(InputError, match="its parameter power is"):
        CSMOIFSA.load(file, load_problem(own))
    table.write_text("2")
    with pytest.raises(InputError, match="its parameter table is sha256"):
        CSMOIFSA.load(file, load_problem(own, **parameters))
    stopped(CSMOIFSA, load_problem("zdt4-shifted", seed=1), 40).save(file)
    with pytest.raises(InputError, match="another problem"):
        CSMOIFSA.load(file, load_problem("zdt4-shifted", seed=2))


def test_a_damaged_checkpoint_never_takes_the_place_of_the_one_before(tmp_path):
    algorithm, file = stopped(CSMOIFSA, load_problem("zdt1"), 40), tmp_path / "run.npz"
    algorithm.save(file)
    algorithm.save(file)
    good = previous(file).read_bytes()
    file.write_bytes(good[:-1] + b"x")
    algorithm.save(file)
    assert previous(file).read_bytes() == good
    read_checkpoint(file)


def test_without_hard_links_the_one_before_is_a_copy(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    algorithm, file = stopped(CSMOIFSA, load_problem("zdt1"), 40), tmp_path / "run.npz"
    for _ in range(3):
        algorithm.save(file)
    read_checkpoint(file)
    read_checkpoint(previous(file))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.npz", "run.npz.previous"]


def test_a_full_disk_costs_one_warning_and_the_run_ends_with_its_result(tmp_path, monkeypatch):
    problem, file = load_problem("zdt1"), tmp_path / "run.npz"
    saves, real = [], checkpoint.atomic_write

    @contextmanager
    def full(path, mode="w"):
        saves.append(path)
        if len(saves) < 4:
            raise InputError(f"cannot write {path}: No space left on device")
        with real(path, mode) as opened:
            yield opened

    monkeypatch.setattr(checkpoint, "atomic_write", full)
    with pytest.warns(RuntimeWarning, match=r"not saved: cannot write .*No space.*goes on and tries again") as told:
        run = runs.solve(problem, CSMOIFSA(pop_size=20), n_eval=200, seed=3, checkpoint=runs.Checkpoint(file, 0.0))
    assert len(told) == 1
    assert run.n_eval == 200
    assert len(saves) == 10  # after each generation; the end is the last of them
    assert CSMOIFSA.load(file, problem).setup(problem, termination=("n_eval", 200)).engine.n_eval == 200


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
