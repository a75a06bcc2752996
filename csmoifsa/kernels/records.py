"""The named tuples that the kernels share; each field's annotation is its numba type (`csmoifsa.jit.record_type`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias, get_type_hints

from csmoifsa.jit import Flags, Indices, Matrix, Vector
from csmoifsa.settings import Settings

if TYPE_CHECKING:
    import numpy as np

Arrays: TypeAlias = "tuple[np.ndarray, ...]"  # the arrays of one of the named tuples below
Numbers: TypeAlias = "tuple[int | float | bool, ...]"  # those of the settings


class Population(NamedTuple):
    """The individuals, a row each; the first ``count`` rows are in use, the others are room for offspring."""

    X: Matrix  # (rows, n_var) positions in the unit box
    displacement: Matrix  # (rows, n_var) the step from its parent that made each individual
    F: Matrix  # (rows, n_obj) objectives, minimised
    CV: Vector  # (rows,) total constraint violation, 0 = feasible
    extra: Matrix  # (rows, k) columns of the caller that travel with the individual, e.g. constraint values
    rank: Indices  # (rows,) non-dominated rank, 0 = not dominated
    crowding: Vector  # (rows,) crowding distance within rank 0, while nothing is feasible within each: see selection
    n_uses: Vector  # (rows,) times each individual was the parent in a behaviour with TIRES_PARENTS
    order: Indices  # (rows,) row numbers; the first count are in use and sorted by violation, then objectives


class Offspring(NamedTuple):
    """Candidates that are not evaluated yet, a row each."""

    X: Matrix  # (n, n_var) positions in the unit box
    displacement: Matrix  # (n, n_var) the step from the parent
    parent: Indices  # (n,) row of the parent in the population
    behaviour: Indices  # (n,) number of the behaviour that made the row


class Memory(NamedTuple):
    """Success rates and step lengths of the run so far; the kernels change them in place."""

    credit: Vector  # (n_behaviours,) smoothed share of successes of each behaviour
    success: Vector  # (1,) share of successes of all behaviours together, smoothed more slowly
    step_lengths: Vector  # (memory_size,) long steps that succeeded, the latest first, 0 = none yet


class Parents(NamedTuple):
    """Individuals that the behaviours may take as parents and leaders in one generation."""

    count: int  # individuals in use: the first rows of the population
    active: Indices  # (n,) rows of the active individuals: the least crowded, the least crowded first
    leaders: Indices  # (n_leaders,) rows of the first active individuals, which others follow
    clone_shares: Vector  # (n,) cumulative probability of each active individual to be cloned
    ideal: Vector  # (n_obj,) least value of each objective over the non-dominated
    extent: Vector  # (n_obj,) range of each objective over the non-dominated


class Task(NamedTuple):
    """Variables, bounds, behaviours and seed of a run; constant during the run, as the settings are."""

    free: Indices  # (n_free,) the variables that are not fixed
    xl: Vector  # (n_var,) lower bounds
    xu: Vector  # (n_var,) upper bounds
    enabled: Flags  # (n_behaviours,) which behaviours take part
    seed: int


NUMBERS = {name: kind for name, kind in get_type_hints(Settings).items() if kind in (int, float, bool)}
Parameters = NamedTuple("Parameters", list(NUMBERS.items()))  # pyright: ignore[reportArgumentType]


def parameters_of(settings: Settings) -> Parameters:
    """Return the numbers of the settings as the kernels read them, each of its declared type."""
    return Parameters(**{name: kind(getattr(settings, name)) for name, kind in NUMBERS.items()})
