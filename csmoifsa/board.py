"""The bulletin board: the archive of the best individuals, truncated where the front is most crowded."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from csmoifsa.kernels.records import Population
from csmoifsa.kernels.selection import environmental_selection


class Front(NamedTuple):
    """Mutually non-dominated solutions, one a row; copies that the caller may change."""

    X: np.ndarray  # (n, n_var) in the unit box
    F: np.ndarray  # (n, n_obj)
    CV: np.ndarray  # (n,)
    extra: np.ndarray  # (n, k)


class BulletinBoard:
    """At most ``capacity`` individuals in preallocated rows, with room for offspring not selected yet.

    `post` writes newcomers behind the individuals in use, and `select` compares all of them with those at once. So
    `front` can be read before all newcomers are evaluated, without a change to the search.

    Parameters
    ----------
    capacity : int
        The largest number of individuals kept.
    room : int
        The largest number of newcomers between two selections.
    n_var, n_obj, n_extra : int
        Numbers of variables, objectives and further columns that travel with each individual.
    all_ranks : bool
        True keeps dominated fronts too while there is room, as the paper's step 3 does; False keeps the first only.
    """

    def __init__(
        self,
        capacity: int,
        room: int,
        n_var: int,
        n_obj: int,
        n_extra: int,
        *,
        all_ranks: bool,
    ):
        rows = capacity + room
        self.capacity = capacity
        self.n_ranks = rows if all_ranks else 1
        self.count = 0
        self.population = Population(
            X=np.zeros((rows, n_var)),
            displacement=np.zeros((rows, n_var)),
            F=np.zeros((rows, n_obj)),
            CV=np.zeros(rows),
            extra=np.zeros((rows, n_extra)),
            rank=np.zeros(rows, np.int64),
            crowding=np.zeros(rows),
            n_uses=np.zeros(rows),
            order=np.arange(rows),
        )

    def post(
        self, start: int, X: np.ndarray, displacement: np.ndarray, F: np.ndarray, CV: np.ndarray, extra: np.ndarray
    ) -> None:
        """Write newcomers (n rows each) behind the individuals in use, from the ``start``-th newcomer on."""
        rows = slice(self.count + start, self.count + start + len(X))
        for column, values in zip(self.population, (X, displacement, F, CV, extra), strict=False):
            column[rows] = values

    def select(self, n_new: int) -> None:
        """Compare the ``n_new`` newcomers with the individuals in use and keep the best."""
        eliminated = np.zeros(self.count + n_new, bool)
        self.count = environmental_selection(self.population, self.count, eliminated, self.capacity, self.n_ranks)

    def front(self, n_new: int = 0) -> Front:
        """Return copies of the non-dominated rows, the first ``n_new`` newcomers included; the board is unchanged."""
        rows = self.count + n_new
        population, count = self.population, self.count
        if n_new:
            population = Population(*(column[:rows].copy() for column in population))
            count = environmental_selection(population, count, np.zeros(rows, bool), self.capacity, 1)
        first = np.flatnonzero(population.rank[:count] == 0)
        return Front(population.X[first], population.F[first], population.CV[first], population.extra[first])
