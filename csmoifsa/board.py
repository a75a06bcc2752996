"""The bulletin board: the Pareto set found so far, thinned where it is most concentrated."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from csmoifsa import kernels


class Front(NamedTuple):
    """Mutually non-dominated solutions, a row each; copies that the caller owns."""

    X: np.ndarray  # (n, n_var) in the unit box
    F: np.ndarray  # (n, n_obj)
    CV: np.ndarray  # (n,)
    extra: np.ndarray  # (n, k)


class BulletinBoard:
    """At most ``capacity`` fish in preallocated rows, with room for those who wait to be compared.

    Newcomers are written behind the fish in use (`post`) and compared with them all at once (`settle`), so that rows
    told so far can be looked at (`front`) before the whole brood is evaluated, without changing what comes later.

    Parameters
    ----------
    capacity : int
        The most fish kept.
    room : int
        The most newcomers at a time.
    n_var, n_obj, n_extra : int
        Numbers of variables, objectives and further columns that travel with each fish.
    layered : bool
        Fill up with dominated layers while there is space, as the paper's step 3 does; else keep the first layer only.
    one_shot : bool
        Thin all at once by the concentration at the start, instead of one at a time.
    """

    def __init__(
        self, capacity: int, room: int, n_var: int, n_obj: int, n_extra: int, *, layered: bool, one_shot: bool = False
    ):
        rows = capacity + room
        self.capacity = capacity
        self.layered = layered
        self.one_shot = one_shot
        self.count = 0
        self.school = kernels.School(
            X=np.zeros((rows, n_var)),
            heading=np.zeros((rows, n_var)),
            F=np.zeros((rows, n_obj)),
            CV=np.zeros(rows),
            extra=np.zeros((rows, n_extra)),
            rank=np.zeros(rows, np.int64),
            space=np.zeros(rows),
            tries=np.zeros(rows),
            order=np.arange(rows),
        )

    def post(self, start: int, X: np.ndarray, heading: np.ndarray, F: np.ndarray, CV: np.ndarray, extra: np.ndarray):
        """Write newcomers, a row each, from place ``start`` of the waiting rows on."""
        rows = slice(self.count + start, self.count + start + len(X))
        for column, values in zip(self.school, (X, heading, F, CV, extra), strict=False):
            column[rows] = values

    def settle(self, lost: np.ndarray) -> None:
        """Compare waiting rows with the fish in use and keep the best.

        Parameters
        ----------
        lost : (fish in use + waiting rows,) array of bool
            Those who leave whatever the others are.
        """
        self.count = kernels.keep_best(self.school, self.count, lost, self.capacity, self.layered, self.one_shot)

    def front(self, waiting: int = 0) -> Front:
        """Return the non-dominated rows, including the first ``waiting`` newcomers; changes nothing."""
        rows = self.count + waiting
        school, count = self.school, self.count
        if waiting:
            school = kernels.School(*(column[:rows].copy() for column in school))
            count = kernels.keep_best(school, count, np.zeros(rows, bool), self.capacity, False, self.one_shot)
        first = np.flatnonzero(school.rank[:count] == 0)
        return Front(school.X[first], school.F[first], school.CV[first], school.extra[first])
