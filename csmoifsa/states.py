"""Checks of a saved state before compiled code uses it, where a wrong row number would access memory out of bounds.

The rules hold for every state that an engine can be in between two calls. A forged state that keeps them all may spoil
the search, but causes no access outside the arrays.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa.kernels.dominance import rank_rows

State = Mapping[str, np.ndarray]

EDGE = 1e-9  # first positions are scaled from the bounds to the unit box, which may round a little beyond it
LARGEST = 2**62  # largest value of a counter; later additions do not overflow

# array name -> rule that its numbers must meet; arrays not listed must be finite
_RULES = {
    "population_X": "unit",
    "offspring_X": "unit",
    "fish_X": "unit",
    "next_X": "unit",
    "target": "unit",
    "centre": "unit",
    "population_CV": "positive",
    "fish_CV": "positive",
    "next_CV": "positive",
    "population_n_uses": "positive",
    "credit": "share",
    "success": "share",
    "affinity": "share",
    "step_lengths": "positive",
    "population_crowding": "room",
    "limit": "room",
    "population_extra": "anything",
}


def check_state(
    state: State, template: State, *, capacity: int, first: int, ranges: Mapping[str, tuple[int, int]]
) -> None:
    """Check that an engine can be in a saved state.

    Parameters
    ----------
    state : mapping of arrays
        The saved state, by name.
    template : mapping of arrays
        The engine's own state, for the names, shapes and types.
    capacity : int
        The largest number of rows of the board in use.
    first : int
        Number of rows of the first population.
    ranges : mapping
        Name of an array of whole numbers -> least and greatest value.

    Raises
    ------
    InputError
        An array is missing, has another shape or type, or a value that no run can have; the message names the array.
    """
    _check_arrays(state, template)
    count, n_eval, generation, planned, evaluated = (int(value) for value in state["counters"])
    rows = len(template["offspring_parent"])
    fine = 0 <= count <= capacity and 0 <= evaluated <= planned <= rows and planned >= 1
    fine = fine and max(count, evaluated) <= n_eval <= LARGEST and 0 <= generation <= LARGEST
    fine = (
        fine
        and (planned == first if generation == 0 else count > 0)
        and (generation > 0 or (count > 0) == (evaluated == planned))
    )
    if not fine:
        raise _refusal("counters", "do not fit each other")
    used = count + (evaluated if evaluated < planned else 0)  # later rows hold data of earlier generations
    for name in template:
        _check_numbers(name, state[name][:used] if name.startswith("population_") else state[name])
    for name, (low, high) in {"population_rank": (0, len(state["population_rank"])), **ranges}.items():
        if state[name].size and not (low <= state[name].min() and state[name].max() <= high):
            raise _refusal(name, f"has values outside {low} to {high}")
    _check_board(state, count)


def check_parents(state: State) -> None:
    """Check that parents of offspring in evaluation are rows in use (engines whose parents are rows of the board)."""
    count, _, generation, planned, evaluated = (int(value) for value in state["counters"])
    if generation > 0 and evaluated < planned and state["offspring_parent"][:planned].max() >= count:
        raise _refusal("offspring_parent", "names rows that are not in use")


def _check_arrays(state: State, template: State) -> None:
    for name, array in template.items():
        if name not in state:
            raise InputError(f"the state lacks {name}: it was saved by another algorithm or version")
        found = np.asarray(state[name])
        if found.shape != array.shape:
            raise InputError(
                f"the state's {name} has shape {found.shape}, expected {array.shape}: "
                "it belongs to another problem or other settings"
            )
        if found.dtype != array.dtype:
            raise _refusal(name, f"is of type {found.dtype}, not {array.dtype}")
    for name in state.keys() - template.keys():
        raise InputError(f"the state holds {name[:40]!r}: it was saved by another algorithm or version")


def _check_numbers(name: str, array: np.ndarray) -> None:
    if array.dtype.kind != "f":
        return
    rule = _RULES.get(name, "finite")
    fine = {
        "anything": lambda: True,
        "finite": lambda: np.isfinite(array).all(),
        "room": lambda: not (array < 0).any(),  # NaN is allowed: an objective's range may overflow
        "positive": lambda: ((array >= 0) & np.isfinite(array)).all(),
        "share": lambda: ((array >= 0) & (array <= 1)).all(),
        "unit": lambda: ((array >= -EDGE) & (array <= 1 + EDGE)).all(),
    }[rule]()
    if not fine:
        raise _refusal(name, "has values that no run can have")


def _check_board(state: State, count: int) -> None:
    """Check the rows in use: each once and sorted in ``order``, and ranked as their objectives require."""
    order = np.ascontiguousarray(state["population_order"][:count])
    if not np.array_equal(np.sort(order), np.arange(count)):
        raise _refusal("population_order", "does not name each row in use once")
    F, CV = np.ascontiguousarray(state["population_F"]), np.ascontiguousarray(state["population_CV"])
    keys = np.column_stack([CV, F])[order]
    earlier, later = keys[:-1], keys[1:]
    first = (earlier != later).argmax(axis=1)  # the first key that differs decides; of equal rows any
    if (earlier > later)[np.arange(len(later)), first].any():
        raise _refusal("population_order", "is not sorted")
    rank = np.zeros(len(CV), np.int64)
    rank_rows(F, CV, order, rank)
    if not np.array_equal(rank[:count], state["population_rank"][:count]):
        raise _refusal("population_rank", "does not follow from the objectives")


def _refusal(name: str, what: str) -> InputError:
    return InputError(f"the state's {name} {what}: it is damaged; go on from an earlier checkpoint or start anew")
