"""COCO's bbob-biobj: the right function, dimension and instance, every evaluation counted, and COCO's own measure."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest

cocoex = pytest.importorskip("cocoex", reason="coco-experiment of the extra 'coco' is not installed")

import csmoifsa_coco  # noqa: E402
from csmoifsa.errors import InputError  # noqa: E402
from csmoifsa_bench.recorder import Exhausted, Recorder  # noqa: E402
from csmoifsa_bench.rivals import Task, generations  # noqa: E402
from csmoifsa_bench.suite import load_suite  # noqa: E402
from csmoifsa_coco.cli import _numbers  # noqa: E402
from csmoifsa_coco.observe import indicator_values, observe, share_of_targets  # noqa: E402
from csmoifsa_coco.problems import BbobBiobj  # noqa: E402

PROBLEMS = csmoifsa_coco.PROBLEMS


@pytest.fixture
def random():
    return np.random.default_rng(5)


@pytest.mark.parametrize(("function", "dimension", "instance"), [(1, 2, 1), (8, 5, 6), (55, 20, 15)])
def test_a_name_and_its_parameters_are_coco_s_own(function, dimension, instance):
    problem = PROBLEMS[f"bbob-biobj-f{function:02d}"](dimension=dimension, instance=instance)
    assert problem.coco.id == f"bbob-biobj_f{function:02d}_i{instance:02d}_d{dimension:02d}"
    assert (problem.n_var, problem.n_obj, problem.n_ieq_constr) == (dimension, 2, 0)
    np.testing.assert_array_equal(problem.xl, problem.coco.lower_bounds)
    np.testing.assert_array_equal(problem.xu, problem.coco.upper_bounds)


def test_a_narrower_search_changes_the_box_and_no_value(random):
    near, whole = (PROBLEMS["bbob-biobj-f12"](dimension=3, instance=6, half_width=w) for w in (5, 100))
    assert (near.xl == -5).all()
    assert (near.xu == 5).all()
    X = random.uniform(-5, 5, (4, 3))
    np.testing.assert_array_equal(near.evaluate(X), whole.evaluate(X))


def test_there_are_55_names():
    assert len(PROBLEMS) == 55
    assert sorted(PROBLEMS)[::54] == ["bbob-biobj-f01", "bbob-biobj-f55"]


def test_two_spheres_curve_by_two_in_every_direction(random):
    """f01 is |x - a|^2 + c for both objectives: its second difference along any unit vector is 2 h^2."""
    problem = BbobBiobj(1, dimension=5, instance=3)
    x, step = random.uniform(-4, 4, 5), random.normal(size=5)
    step *= 0.5 / np.linalg.norm(step)
    before, at, after = problem.evaluate(np.array([x - step, x, x + step]))
    np.testing.assert_allclose(before - 2 * at + after, [2 * 0.25] * 2, rtol=1e-9)


def test_instances_and_two_problems_open_at_once_do_not_mix(random):
    X = random.uniform(-5, 5, (4, 3))
    problems = [BbobBiobj(f, 3, i) for f in (4, 9) for i in (1, 2)]
    alone = [p.evaluate(X) for p in problems]
    for _ in range(2):
        for problem, values in zip(problems, alone, strict=True):
            np.testing.assert_array_equal(copy.deepcopy(problem).evaluate(X), values)
            np.testing.assert_array_equal(problem.evaluate(X), values)
    assert len({tuple(values.ravel()) for values in alone}) == 4


@pytest.mark.parametrize("algorithm", ["csmoifsa", "nsga2"])
def test_the_recorder_counts_what_coco_counts(algorithm):
    problem = BbobBiobj(20, 5, 7)
    recorder = Recorder(problem, (150, 330))
    start = np.random.default_rng(1).uniform(-100, 100, (20, 5))
    task = Task(algorithm, {}, 20, 1, start, (150, 330), "evaluations")
    try:
        for generation in generations("pymoo", recorder, task):
            if not recorder.report(generation.answer, generation.iteration):
                break
    except Exhausted:
        pass
    assert 310 < recorder.n_eval == problem.coco.evaluations <= 330


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((56, 5, 1), "function must be from 1 to 55, got 56"),
        ((1, 4, 1), "dimension must be one of 2, 3, 5, 10, 20, 40, got 4"),
        ((1, 5, 16), "instance must be from 1 to 15, got 16"),
        ((1, 5, 0), "instance must be a whole number of at least 1, got 0"),
        ((1, 5.0, 1), "dimension must be a whole number"),
        ((1, 5, 1, 0), "half_width must be a number above 0 and at most 100, got 0"),
        ((1, 5, 1, 101.0), "half_width must be a number above 0 and at most 100, got 101.0"),
        ((1, 5, 1, "5"), "half_width must be a number above 0 and at most 100, got '5'"),
    ],
)
def test_what_the_suite_does_not_have_is_refused(arguments, says):
    with pytest.raises(InputError, match=says):
        BbobBiobj(*arguments)


def test_a_missing_extra_is_one_sentence_for_each_name(monkeypatch):
    monkeypatch.setattr(csmoifsa_coco, "find_spec", lambda name: None)
    problems, commands = csmoifsa_coco._registered()
    assert len(problems) == 55
    for name, error in [*problems.items(), *commands.items()]:
        assert isinstance(error, InputError)
        assert name in str(error)
        assert str(error).endswith("install it with: pip install 'csmoifsa[coco]'")


# ---- suites ----


@pytest.mark.parametrize("dimension", [5, 10, 20])
def test_the_suites_keep_tuning_and_held_out_apart(dimension):
    functions = {}
    for part, instances in (("", range(6, 16)), ("-tuning", range(1, 6))):
        suite = load_suite(f"bbob-biobj-{dimension}{part}")
        assert suite.runs == len(instances)  # each instance once
        assert all(p.vary == {"instance": tuple(instances)} for p in suite.problems)
        assert all(p.params == {"dimension": dimension} for p in suite.problems)
        functions[part] = [int(p.name.removeprefix("bbob-biobj-f")) for p in suite.problems]
    assert functions == {"": list(range(2, 56, 2)), "-tuning": list(range(1, 56, 2))}


def test_the_suite_in_the_narrow_box_differs_in_nothing_else():
    near, whole = (load_suite(f"bbob-biobj-10{part}") for part in ("-near", ""))
    assert all(p.params == {"dimension": 10, "half_width": 5} for p in near.problems)
    changed = {p.name: p.vary for p in near.problems}
    assert changed == {p.name: p.vary for p in whole.problems}
    assert near.model_dump(exclude={"name", "title", "problems"}) == whole.model_dump(
        exclude={"name", "title", "problems"}
    )


# ---- COCO's observer ----


def naive_share(distance):
    targets = [-(10**-4), *(-(10 ** (-4 - i / 5)) for i in range(1, 6)), 0, *(10 ** (-5 + i / 10) for i in range(51))]
    return sum(distance <= t for t in targets) / 58


@pytest.mark.parametrize("distance", [-1.0, -2e-5, 0.0, 1e-6, 2.1e-3, 0.5, 3.0])
def test_share_of_the_58_targets(distance):
    assert share_of_targets(distance) == pytest.approx(naive_share(distance))


def test_the_observer_s_indicator_is_the_archive_s_hypervolume(tmp_path):
    """Against COCO's definition: reference minus the hypervolume of all points, scaled by ideal and nadir."""
    moocore = pytest.importorskip("moocore")
    folder = observe("nsga2", [1], 2, [3], 700, tmp_path)
    ((where, instance, reference, distance),) = indicator_values(folder)
    assert (where, instance) == ("bbob-biobj_f01_d02", 3)
    problem, seen = BbobBiobj(1, 2, 3), []
    evaluate = BbobBiobj._evaluate

    def watched(self, X, out, *args, **kwargs):
        evaluate(self, X, out)
        seen.append(out["F"])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BbobBiobj, "_evaluate", watched)
        observe("nsga2", [1], 2, [3], 700, tmp_path / "again")
    assert sum(map(len, seen)) == 700
    # two spheres: the ideal is each one's optimum, the nadir the other's value there
    nadir = np.array(problem.coco.largest_fvalues_of_interest)
    apart = sphere_distance(problem)
    scaled = (np.vstack(seen) - (nadir - apart)) / apart
    inside = scaled[(scaled < 1).all(axis=1)]
    assert len(inside) > 3  # else it would be a distance and no volume
    volume = moocore.hypervolume(inside, [1.0, 1.0])
    assert reference - volume == pytest.approx(distance, rel=1e-6)


def sphere_distance(problem):
    """Return the squared distance between the two optima, found from function values alone."""
    # f(x) = |x - a|^2 + c: the gradient at 0 is -2 a
    unit = np.eye(problem.n_var)
    gradient = (problem.evaluate(unit) - problem.evaluate(-unit)) / 2
    return np.sum((gradient[:, 0] - gradient[:, 1]) ** 2) / 4


def test_observe_from_the_command_line(tmp_path, run_cli):
    options = ["-d", 2, "-f", "1,2", "-i", "1,12", "--budget", 320, "--out", tmp_path]
    done = run_cli("coco", "observe", "csmoifsa", *options, "--json")
    assert done.code == 0, done.err
    (row,) = json.loads(done.out)["algorithms"]
    assert (row["algorithm"], row["runs"], row["measured"]) == ("csmoifsa", 4, 2)
    infos = "".join(path.read_text() for path in Path(row["folder"]).glob("*.info"))
    assert infos.count("1:320|") == 2  # every run has its whole budget
    assert 0 < row["targets_reached"] < 1
    again = run_cli("coco", "observe", "csmoifsa", *options)
    assert "(2 of 4 runs measured)" in again.out
    bad = run_cli("coco", "ecdf", tmp_path / "nothing")
    assert bad.code == 2
    assert "holds no files of COCO's observer" in bad.err


def test_numbers_and_ranges():
    assert _numbers("--functions", "2,4,10-12, 4") == [2, 4, 10, 11, 12]
    for text in ("", "a", "5-", "7-3", "-1"):
        with pytest.raises(InputError, match="--functions: "):
            _numbers("--functions", text)
