"""Limits of the energy that parked cars can shift between any number of periods, exact, by linear programs.

Periods are numbered from the dearest to the cheapest; energy moves from a dearer to a cheaper one. Each session is a
transport problem: it has energy used in each period to give away, and free time in each period to take it; time that
it frees is not used again. `fleet_sums` writes the limits of two and three periods out by hand, which is quicker.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, combinations
from typing import NamedTuple

import highspy
import numpy as np
from scipy.sparse import csc_array, csr_array

MOST_PERIODS = 6
"""Largest number of periods: the signs that make the classes number up to 961 with six."""

MOST_TRIALS = 3_000
CALM_TRIALS = 600
"""Most flows that `FlowRegion.planes` tries, and after how many in a row without a new limit it ends, each divided by
the number F of flows: linear programs of more periods take longer."""


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


def limit_flows(flows: np.ndarray, weights: np.ndarray, limits_mwh: np.ndarray) -> np.ndarray:
    """Return flows that keep the joint limits of the cars' sessions.

    Each limit in turn multiplies the flows that take part in it by one factor, at most 1, so that drivers who compete
    for the same hours are curtailed in proportion. A smaller flow breaks no limit kept before.

    Parameters
    ----------
    flows : (n, F) array
        Wanted flows [MWh].
    weights : (L, F) array
        Weights of the flows in each limit, `FleetSums.flow_weights`.
    limits_mwh : (L,) array
        Largest weighted sums of flows, `FleetSums.flow_limit_mwh` [MWh].

    Returns
    -------
    (n, F) array
        Flows within the limits [MWh].

    Examples
    --------
    >>> limit_flows(np.array([[4.0, 8.0, 1.0]]), np.array([[1, 1, 0]]), np.array([6.0])).tolist()
    [[2.0, 4.0, 1.0]]
    """
    flows = flows.copy()
    for own, limit in zip(weights, limits_mwh, strict=True):
        total = sum_columns(own * flows)
        factor = limit / np.maximum(total, max(limit, 1e-300))  # exactly 1 where the limit holds
        flows[:, own > 0] *= factor[:, None]
    return flows


def sum_columns(table: np.ndarray) -> np.ndarray:
    """Return the sum of the columns of a table (n, k), added from left to right as in the compiled evaluator, (n,)."""
    total = np.zeros(len(table))
    for column in table.T:
        total = total + column
    return total


class SessionClasses:
    """Sessions merged into classes without loss: sums of energy used and of free time, both exact if all are whole.

    The most that a session can shift under given weights is, by duality, the least of sums of ``used`` and ``free``
    over the vertices of a dual polyhedron that is the same for all sessions. Neighbouring vertices differ by a multiple
    of +1 on a set S of origins and -1 on a set T of destinations, so the signs of ``used(S) - free(T)`` tell which
    vertex is least. Sessions with equal signs share it whatever the weights, and their sum is one larger session (own
    derivation; the linear program over single sessions is its test).
    """

    def __init__(self) -> None:
        self._sums: dict[bytes, np.ndarray] = {}

    def include(self, used: np.ndarray, free: np.ndarray) -> None:
        """Add sessions: energy used in, and energy that fits into the free time of, each period, (P, n) each, >= 0."""
        n_periods = len(used)
        flow_pairs(n_periods)
        sides = [
            np.array([[p in members for p in range(n_periods)] for members in _subsets(periods)], dtype=float)
            for periods in (range(n_periods - 1), range(1, n_periods))
        ]
        given, taken = sides[0] @ used, sides[1] @ free
        signs = (given[:, None] >= taken[None]).reshape(-1, used.shape[1])
        keys, group = np.unique(np.packbits(signs, axis=0).T, axis=0, return_inverse=True)
        member = csr_array((np.ones(len(group)), (np.arange(len(group)), group.ravel())))
        for key, *both in zip(keys, (used @ member).T, (free @ member).T, strict=True):
            self._add(key.tobytes(), np.array(both))

    def merge(self, other: SessionClasses) -> None:
        """Add the sessions of other classes."""
        for key, sums in other._sums.items():
            self._add(key, sums)

    def _add(self, key: bytes, sums: np.ndarray) -> None:
        self._sums[key] = self._sums[key] + sums if key in self._sums else sums

    def region(self, unit: float = 1.0) -> FlowRegion:
        """Return the region of the sessions; ``unit`` is the energy of one unit of what was included [MWh]."""
        sums = np.array([self._sums[key] for key in sorted(self._sums)]) * unit
        return FlowRegion(used_mwh=sums[:, 0].T, free_mwh=sums[:, 1].T)


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

    def scaled(self, factor: float) -> FlowRegion:
        """Return the region of ``factor`` times as many sessions."""
        return FlowRegion(used_mwh=self.used_mwh * factor, free_mwh=self.free_mwh * factor)

    @property
    def n_classes(self) -> int:
        """Number of classes K."""
        return self.used_mwh.shape[1]

    def planes(self) -> list[FlowPlane]:
        """Return limits that together describe the region, as far as some hundred cut flows show.

        Random flows (seed 0) are cut by the limits found so far, as `limit_flows` does. Where the linear program says
        that the rest is still too much, its limit is added, until many flows in a row fit. With two and three periods
        one and seven limits are enough (`fleet_sums.FLOW_LIMITS`); with more a limit may be missing, so flows that
        matter are checked by `FlowProgram.fit`. Every call returns the same.
        """
        pairs = flow_pairs(len(self.used_mwh))
        n_flows, program, rng = len(pairs), FlowProgram(self), np.random.default_rng(0)
        given = self.used_mwh.sum(axis=1)[[a for a, _ in pairs]]
        weights, limits = np.empty((0, n_flows)), np.empty(0)
        calm = 0
        for k in range(MOST_TRIALS // n_flows):
            share = rng.random(n_flows) ** 2 * (rng.random(n_flows) < 0.8) * rng.uniform(0.1, 2.0)
            wanted = np.eye(n_flows)[k] * max(given.max(), 1e-300) if k < n_flows else share * given
            flows = limit_flows(wanted[None], weights, limits)[0]
            if not flows.max() > 0:
                continue
            factor, plane = program.fit(flows)
            calm = 0 if factor < 1.0 - 1e-9 else calm + 1
            if calm == 0:
                weights, limits = np.vstack([weights, plane.weights]), np.append(limits, plane.most_mwh)
            if calm >= CALM_TRIALS // n_flows:
                break
        return [FlowPlane(*one) for one in zip(weights, limits, strict=True)]


class FlowProgram:
    """Linear programs over one region, which begin where the one before ended.

    Parameters
    ----------
    region : FlowRegion
        Flows that the sessions of a fleet can make together.
    """

    def __init__(self, region: FlowRegion):
        pairs = np.array(flow_pairs(len(region.used_mwh)))
        used, free = region.used_mwh, region.free_mwh
        # a column for each class and pair of periods with both energy and room, then the factor t
        most = np.minimum(used[pairs[:, 0]], free[pairs[:, 1]])
        flow, kind = np.nonzero(most > 0)
        n, n_classes, n_periods = len(flow), region.n_classes, len(used)
        ends = [pairs[flow, 0] * n_classes + kind, (n_periods + pairs[flow, 1]) * n_classes + kind]
        rows, place = np.unique(np.concatenate(ends), return_inverse=True)
        upper = np.concatenate([used.ravel(), free.ravel()])[rows]
        self._n, self._n_rows = n, len(rows)
        matrix = csc_array(
            (
                np.concatenate([np.ones(2 * n), -np.ones(n)]),
                (np.concatenate([place.ravel(), len(rows) + flow]), np.tile(np.arange(n), 3)),
            ),
            shape=(len(rows) + len(pairs), n + 1),
        )
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = n + 1, len(rows) + len(pairs)
        model.col_cost_, model.col_lower_ = np.append(np.zeros(n), 1.0), np.zeros(n + 1)
        model.col_upper_ = np.full(n + 1, highspy.kHighsInf)
        model.row_lower_ = np.full(model.num_row_, -highspy.kHighsInf)
        model.row_upper_ = np.concatenate([upper, np.zeros(len(pairs))])
        model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        model.a_matrix_.start_ = matrix.indptr.astype(np.int32)
        model.a_matrix_.index_ = matrix.indices.astype(np.int32)
        model.a_matrix_.value_ = np.asarray(matrix.data, dtype=float)
        model.sense_ = highspy.ObjSense.kMaximize
        self._solver = highspy.Highs()
        self._solver.setOptionValue("output_flag", False)
        self._solver.setOptionValue("threads", 1)
        self._solver.passModel(model)

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
        """
        if not flows_mwh.max() > 0:
            raise ValueError("at least one flow must be above 0 MWh")
        unit = flows_mwh.max()
        self._ask(flows_mwh / unit)
        factor = self._solver.getObjectiveValue() / unit
        weights = np.maximum(np.array(self._solver.getSolution().row_dual)[self._n_rows :], 0.0)
        weights[weights < 1e-7 * weights.max()] = 0.0  # rounding of the linear program
        return factor, FlowPlane(weights / weights.max(), float(factor * (weights @ flows_mwh) / weights.max()))

    def _ask(self, direction: np.ndarray) -> None:
        """Solve with the factor times another direction (F,) as what the flows must sum to.

        Raises
        ------
        RuntimeError
            The linear program has no answer, which sessions without negative energies exclude.
        """
        for k, value in enumerate(direction):
            self._solver.changeCoeff(self._n_rows + k, self._n, float(value))
        self._solver.run()
        if self._solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            raise RuntimeError(f"the linear program of the flows failed: {self._solver.getModelStatus()}")


def _subsets(periods: range) -> list[tuple[int, ...]]:
    """Return all subsets but the empty one."""
    return list(chain.from_iterable(combinations(periods, size) for size in range(1, len(periods) + 1)))
