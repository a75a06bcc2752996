"""Games in the short form of their JSON files: what is wrong is named by its key."""

import pytest

from csmoifsa.errors import InputError
from csmoifsa_aggregator.inputs.games import game_from_dict
from csmoifsa_aggregator.model.game import Storage

GAME = {"p": [0.1, 0.2], "lb": [0.1, 0.1], "ub": [0.2, 0.2], "mean": 0.15, "E": [5], "Pm": [7], "W": [[1, 1]]}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"x": 1}, "unknown key 'x'"),
        ({"p": []}, "p must hold one price a step, but it is empty"),
        ({"p": ["a", 1]}, "p.0 must be a number, not 'a'"),
        ({"mean": True}, "mean must be a number, not True"),
        ({"T": 3}, "p has 2 values but T is 3: 1 hours are missing"),
        ({"W": [[1]]}, "W must be a list of 2 values for each class; that of class 1 has 1"),
        ({"W": [[1, 2]]}, "W must hold 0 or 1, but that of class 1 holds 2"),
        ({"W": [["0", 1]]}, r"W\.0\.0 must be true or false or a number, not '0'"),
        ({"names": "a"}, "names must be a list, not 'a'"),
        ({"optimum_profit": "x"}, "optimum_profit must be a number, not 'x'"),
        ({"storage": {"Pmax": "a", "Smax": 2, "S0": 0, "eta": 1}}, r"storage\.Pmax must be a number, not 'a'"),
        ({"storage": {"Pmax": 1, "power_kw": 1}}, "Pmax and power_kw are two names of one key"),
        ({"storage": {"Pmax": 1}}, "the key 'storage.capacity_kwh' is missing"),
    ],
)
def test_bad_short_forms_are_told_by_their_key(changes, words):
    assert game_from_dict(GAME).dt_h == 12.0
    with pytest.raises(InputError, match=words) as told:
        game_from_dict({**GAME, **changes})
    assert "\n" not in str(told.value)


def test_long_and_short_keys_of_a_storage_say_the_same():
    short = game_from_dict(
        {**GAME, "storage": {"Pmax": 1, "Smax": 2, "S0": 0, "eta": 0.9}, "import_limit_kw": 9, "T": 2}
    )
    assert short.storage == Storage(power_kw=1.0, capacity_kwh=2.0, initial_kwh=0.0, efficiency=0.9)
    assert short.import_limit_kw.tolist() == [9.0, 9.0]
