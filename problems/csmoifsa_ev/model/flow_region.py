"""Limits of the energy that parked cars can shift between any number of periods, exact, by linear programs.

Periods are numbered from the dearest to the cheapest; energy moves from a dearer to a cheaper one. Each session is a
transport problem: it has energy used in each period to give away, and free time in each period to take it; time that
it frees is not used again. The pricing study uses the seven limits of `fleet_sums.FLOW_LIMITS`, which are those of
three periods; no command uses this module yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, combinations
from typing import NamedTuple

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, hstack, identity, kron, vstack

MOST_PERIODS = 6
"""Largest number of periods: the signs that make the classes number up to 961 with six."""


def flow_pairs(n_periods: int) -> tuple[tuple[int, int], ...]:
    """Return (origin, destination) of each flow, in the order of every axis over flows.

    Raises
    ------
    ValueError
        There are fewer than two periods or more than `MOST_PERIODS`.

    Examples
    --------
    >>> flow_pairs(3)
    ((0, 2), (0, 1), (1, 2))
    """
    if not 2 <= n_periods <= MOST_PERIODS:
        raise ValueError(f"the number of periods must be from 2 to {MOST_PERIODS}, not {n_periods}")
    return tuple((a, b) for a in range(n_periods) for b in range(n_periods - 1, a, -1))


class FlowPlane(NamedTuple):
    """A limit ``weights @ flows <= most_mwh`` that all flows of the fleet keep; ``weights`` (F,) are not negative."""

    weights: np.ndarray
    most_mwh: float


@dataclass(frozen=True, kw_only=True)
class FlowRegion:
    """Flows that the sessions of a fleet can make together.

    Attributes
    ----------
    used_mwh, free_mwh : (P, K) arrays
        Energy used in, and energy that fits into the free time of, each period, summed over each of K classes of
        sessions [MWh].
    """

    used_mwh: np.ndarray
    free_mwh: np.ndarray

    @classmethod
    def of_sessions(cls, used_mwh: np.ndarray, free_mwh: np.ndarray) -> FlowRegion:
        """Return the region of n sessions, merged into classes without loss.

        The most that a session can shift under given weights is, by duality, the least of sums of ``used`` and
        ``free`` over the vertices of a dual polyhedron that is the same for all sessions. Neighbouring vertices differ
        by a multiple of +1 on a set S of origins and -1 on a set T of destinations, so the signs of
        ``used(S) - free(T)`` tell which vertex is least. Sessions with equal signs share it whatever the weights, and
        their sum is one larger session (own derivation; the linear program over single sessions is its test).

        Parameters
        ----------
        used_mwh, free_mwh : (P, n) arrays
            Energy used, and energy that fits into free time, of each session in each period [MWh], not negative.
        """
        n_periods = len(used_mwh)
        flow_pairs(n_periods)
        sides = [
            np.array([[p in members for p in range(n_periods)] for members in _subsets(periods)], dtype=float)
            for periods in (range(n_periods - 1), range(1, n_periods))
        ]
        given, taken = sides[0] @ used_mwh, sides[1] @ free_mwh
        signs = (given[:, None] >= taken[None]).reshape(-1, used_mwh.shape[1])
        _, group = np.unique(np.packbits(signs, axis=0).T, axis=0, return_inverse=True)
        member = csr_array((np.ones(len(group)), (np.arange(len(group)), group.ravel())))
        return cls(used_mwh=used_mwh @ member, free_mwh=free_mwh @ member)

    @property
    def n_classes(self) -> int:
        """Number of classes K."""
        return self.used_mwh.shape[1]

    def largest(self, weights: np.ndarray) -> float:
        """Return the largest ``weights @ flows`` of the region [MWh]; ``weights`` are (F,), not negative.

        Raises
        ------
        RuntimeError
            The linear program has no answer, which sessions without negative energies exclude.
        """
        rows, most = self._transport
        found = linprog(-np.tile(weights, self.n_classes), A_ub=rows, b_ub=most, method="highs")
        if found.status != 0:
            raise RuntimeError(f"the linear program of the flows failed: {found.message}")
        return -float(found.fun)

    def fit(self, flows_mwh: np.ndarray) -> tuple[float, FlowPlane]:
        """Return the largest factor by which the fleet can make flows, and a limit that holds it there.

        Parameters
        ----------
        flows_mwh : (F,) array
            Wanted flows [MWh], not negative, at least one above 0.

        Returns
        -------
        float
            Largest t with t times the flows in the region; the region holds the flows if it is at least 1.
        FlowPlane
            A limit of the whole region that t times the flows meets with equality.

        Raises
        ------
        ValueError
            No flow is above 0.
        RuntimeError
            The linear program has no answer, which sessions without negative energies exclude.
        """
        if not flows_mwh.max() > 0:
            raise ValueError("at least one flow must be above 0 MWh")
        rows, most = self._transport
        sums = kron(np.ones((1, self.n_classes)), identity(len(flows_mwh)), format="csr")
        table = vstack(
            [hstack([rows, csr_array((len(most), 1))]), hstack([-sums, csr_array(flows_mwh[:, None])])], format="csr"
        )
        cost = np.zeros(self.n_classes * len(flows_mwh) + 1)
        cost[-1] = -1.0
        found = linprog(cost, A_ub=table, b_ub=np.concatenate([most, np.zeros(len(flows_mwh))]), method="highs")
        if found.status != 0:
            raise RuntimeError(f"the linear program of the flows failed: {found.message}")
        weights = np.maximum(-found.ineqlin.marginals[len(most) :], 0.0)
        return float(found.x[-1]), FlowPlane(weights, self.largest(weights))

    @property
    def _transport(self) -> tuple[csr_array, np.ndarray]:
        """Return the limits of each class's flows: what it gives in each period, then what it takes."""
        n_periods = len(self.used_mwh)
        ends = np.array(flow_pairs(n_periods)).T
        one = np.concatenate([end[None] == np.arange(n_periods)[:, None] for end in ends]).astype(float)
        most = np.concatenate([self.used_mwh, self.free_mwh])
        return csr_array(kron(identity(self.n_classes), one)), most.T.ravel()


def _subsets(periods: range) -> list[tuple[int, ...]]:
    """Return all subsets but the empty one."""
    return list(chain.from_iterable(combinations(periods, size) for size in range(1, len(periods) + 1)))
