"""Case files: what differs is laid over the base, and a wrong base is one sentence."""

from pathlib import Path

import numpy as np
import pytest

from csmoifsa.errors import InputError
from csmoifsa_energy.cases import CaseFiles
from csmoifsa_energy.clock import windows_of


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "bundled"
    folder.mkdir()
    (folder / "one.toml").write_text("name = 'one'\ntitle = 't'\n[a]\nx = 1\ny = 2\nl = [1, 2]\n[published]\nz = 1\n")
    (folder / "two.toml").write_text("base = 'one'\nname = 'two'\n[a]\ny = 3\n")
    return CaseFiles(
        folder=folder,
        what="case",
        default="one",
        files=(("load", "csv"),),
        not_inherited=("published",),
        either=(("a", "x", "x_ratio"),),
    )


def complete(files, path, text):
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(text)
    return files.complete(files.read(path), path)


def test_bases_are_laid_over_each_other(files, tmp_path):
    assert files.names() == ["one", "two"]
    path = tmp_path / "mine.toml"
    assert complete(files, path, "base = 'two'\n[a]\nl = [9]\n") == {
        "name": "two",
        "title": "t",
        "a": {"x": 1, "y": 3, "l": [9]},
    }
    assert complete(files, path, "")["published"] == {"z": 1}  # the default, unchanged
    assert "published" not in complete(files, path, "title = 'u'\n")
    assert complete(files, path, "[published]\nw = 2\n")["published"] == {"w": 2}


def test_a_bundled_file_stands_alone_and_a_users_base_does_not(files, tmp_path):
    assert files.complete(files.read(files.path_of("one")), files.path_of("one"))["a"]["x"] == 1
    complete(files, tmp_path / "far" / "base.toml", "[load]\ncsv = 'data/l.csv'\nstamp = 'ending'\n")
    mine = complete(files, tmp_path / "mine.toml", "base = 'far/base.toml'\n[a]\nx = 5\n")
    assert mine["load"] == {"csv": str(tmp_path / "far" / "data" / "l.csv"), "stamp": "ending"}
    assert mine["a"] == {"x": 5, "y": 2, "l": [1, 2]}
    other = complete(files, tmp_path / "mine.toml", "base = 'far/base.toml'\n[load]\ncsv = 'm.csv'\n")
    assert other["load"] == {"csv": str(tmp_path / "m.csv")}  # settings of another file are none of this one


def test_a_value_stated_another_way_replaces_that_of_the_base(files, tmp_path):
    assert complete(files, tmp_path / "m.toml", "[a]\nx_ratio = 0.5\n")["a"] == {"y": 2, "l": [1, 2], "x_ratio": 0.5}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("base = 'tow'\n", r"mine\.toml: there is no case 'tow' to build on; there are one, two.* Did you mean 'two'"),
        ("base = 3\n", r"mine\.toml: there is no case 3 to build on"),
        ("base = ['one']\n", r"there is no case \['one'\] to build on"),
        ("base = 'none.toml'\n", r"cannot read the case .*none\.toml"),
        ("base = 'mine.toml'\n", r"in a circle: .*mine\.toml builds on .*mine\.toml"),
        ("base = 'b.toml'\n", r"in a circle: .*mine\.toml builds on .*b\.toml builds on .*mine\.toml; take out one"),
        ("case = 'one'\n", r"mine\.toml: the key 'case' is called 'base'; write base = 'one'"),
    ],
)
def test_a_wrong_base_is_one_sentence(files, tmp_path, text, words):
    (tmp_path / "b.toml").write_text("base = './mine.toml'\n")
    with pytest.raises(InputError, match=words) as caught:
        complete(files, tmp_path / "mine.toml", text)
    assert "\n" not in str(caught.value)


def test_both_problems_say_base():
    from csmoifsa_aggregator.inputs.case import CASES as AGGREGATOR
    from csmoifsa_ev.inputs.scenario import CASES as SCENARIOS

    for one in (AGGREGATOR, SCENARIOS):
        for name in one.names():
            path = one.path_of(name)
            assert path == Path(one.folder) / f"{name}.toml"
            assert "base" not in one.complete(one.read(path), path)


def minutes_of(windows):
    """Return the minutes of a day that windows name, each at most once."""
    inside = np.zeros(1440, dtype=bool)
    for text in windows:
        first, last = (int(c.partition(":")[0]) * 60 + int(c.partition(":")[2] or 0) for c in text.split("-"))
        minutes = np.arange(first, last if last > first else last + 1440) % 1440
        assert not inside[minutes].any()
        inside[minutes] = True
    return inside


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("steps", [24, 96, 1440])
def test_windows_hold_the_steps_that_are_true(steps, padded):
    draw = np.random.default_rng(steps)
    for inside in [
        np.ones(steps, bool),
        np.zeros(steps, bool),
        *np.repeat(draw.random((20, 12)) < 0.5, steps // 12, 1),
    ]:
        texts = windows_of(inside, padded=padded)
        assert minutes_of(texts).tolist() == np.repeat(inside, 1440 // steps).tolist()
        assert not padded or all(len(text) == 11 for text in texts)
