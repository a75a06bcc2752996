"""The published algorithms: `FishSwarm` is MOAFSA, and with immunity and contraction the paper's own CSMOIFSA.

An iteration has five stages, each one generation of `Engine`: *look* (evaluate the centres of the partners), *move*
(follow the best partner, swarm to the centre), *probe* (forage: up to ``try_number`` trial points for each fish that
did not move), *step* (go toward the better trial point, or a random step), and with immunity *renew* (replace the fish
of the highest antibody concentration by clones of those of the lowest). Each evaluated point enters the selection of
the bulletin board. Source: Dong et al. 2022, section 3; what the paper does not print is marked reconstructed and
listed in ``docs/assumptions.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from csmoifsa.engine import Engine
from csmoifsa.errors import InputError
from csmoifsa.kernels.dominance import better_rows
from csmoifsa.kernels.fish import affinities_among, concentrations, expected_reproduction, find_neighbours
from csmoifsa.kernels.random import fill_uniform
from csmoifsa.settings import check_ranges, setting
from csmoifsa.states import LARGEST

LOOK, MOVE, PROBE, STEP, RENEW = range(5)

Candidates = tuple[np.ndarray, np.ndarray]  # the fish they belong to (n,), their positions (n, n_var)


@dataclass(frozen=True)
class SwarmSettings:
    """Settings of the paper's algorithms; the defaults of pop_size, visual and crowding are the paper's own.

    Attributes
    ----------
    pop_size : int
        Fish in the population (M), and the largest number of solutions on the bulletin board.
    visual_range : float
        Visual range V, root mean square over the unit box's coordinates.
    crowding_factor : float
        Crowding factor delta.
    try_number : int
        Trial points of a fish that forages; the paper does not print it.
    coordinates_per_step : float
        Coordinates that a trial point or a random step changes on average, at least one (reconstructed: in thirty
        dimensions a trial point that changes all of them is hardly ever better, for either algorithm).
    immune : bool
        Renew the most concentrated antibodies (equations A1-A9, reconstructed).
    contract : bool
        Contract the space in which fish forage (equations A1-A6, reconstructed).
    contraction_factor : float
        Ratio of the foraging range of an iteration to that of the iteration before.
    min_range : float
        Least foraging range, as a share of ``visual_range``.
    affinity_weight : float
        Weight a of affinity against concentration in the expected reproduction.
    renewal_rate : float
        Share of the population that immunity replaces in each iteration.
    """

    pop_size: int = setting(100, 2, 1_000_000)
    visual_range: float = setting(0.5, 1e-12, 1.0, search=(0.1, 1.0))
    crowding_factor: float = setting(0.25, 0.0, 1.0, search=(0.05, 1.0))
    try_number: int = setting(5, 1, 1000, search=(1, 10))
    coordinates_per_step: float = setting(1.0, 0.0, 1e6, search=(1.0, 5.0))
    immune: bool = False
    contract: bool = False
    contraction_factor: float = setting(0.98, 0.01, 1.0, search=(0.9, 1.0))
    min_range: float = setting(0.002, 0.0, 1.0, search=(0.0, 0.1))
    affinity_weight: float = setting(0.5, 0.0, 1.0, search=(0.0, 1.0))
    renewal_rate: float = setting(0.2, 0.0, 1.0, search=(0.0, 0.5))

    def __post_init__(self):
        check_ranges(self)


class FishSwarm(Engine):
    """MOAFSA: fish follow, swarm and forage, and a bulletin board keeps the Pareto set.

    With ``SwarmSettings(immune=True, contract=True)`` it is the paper's CSMOIFSA. Parameters as `Engine`.
    """

    all_ranks = False

    def __init__(self, n_var: int, n_obj: int, *, settings: SwarmSettings | None = None, **options: Any):
        settings = settings or SwarmSettings()
        super().__init__(n_var, n_obj, settings=settings, **options)
        M, n_free = settings.pop_size, self.free.size
        self._clock = np.array(
            [RENEW, 0, 0]
        )  # stage, attempt, iteration; the first population is accepted as if renewed
        self._fish = self._rows(M)
        self._next = self._rows(M)  # where each fish goes, the best seen in this iteration
        self._moved = np.zeros(M, bool)
        self._searching = np.zeros(M, bool)
        self._target = np.zeros((M, n_free))  # the better trial point of each forager, else its own position
        self._last_gain = np.zeros((M, n_free))  # the displacement of each fish that last improved it
        self._affinity = np.ones(M)
        self._partner = np.zeros(M, np.int64)
        self._centre = np.zeros((M, n_free))
        self._limit = np.zeros(M)  # crowding factor * partners * own affinity: what a target's affinity must exceed
        self._swarms = np.zeros(M, bool)
        self.offspring.parent[:M] = np.arange(M)

    @property
    def iteration(self) -> int:
        """The number of iterations finished, the paper's measure of effort."""
        return int(self._clock[2])

    def _rows(self, n: int) -> dict[str, np.ndarray]:
        return {"X": np.zeros((n, self.free.size)), "F": np.zeros((n, self.n_obj)), "CV": np.zeros(n)}

    def _max_planned(self) -> int:
        return 2 * self.settings.pop_size

    def _arrays(self) -> dict[str, np.ndarray]:
        arrays = {f"fish_{name}": column for name, column in self._fish.items()}
        arrays |= {f"next_{name}": column for name, column in self._next.items()}
        names = "clock moved searching target last_gain affinity partner centre limit swarms"
        return arrays | {name: getattr(self, f"_{name}") for name in names.split()}

    def _ranges(self) -> dict[str, tuple[int, int]]:
        last = self.settings.pop_size - 1
        return {
            "offspring_parent": (0, last),
            "offspring_behaviour": (0, 0),
            "partner": (-1, last),
            "clock": (0, LARGEST),
        }

    def _check(self, state: dict[str, np.ndarray]) -> None:
        super()._check(state)
        stage, attempt, _ = state["clock"]
        if stage > RENEW or attempt >= self.settings.try_number:
            raise InputError(f"the state's clock stands at stage {stage}, attempt {attempt}, which no run reaches")

    # ---------------------------------------------------------------------------------------------- planning stages
    def _plan(self) -> int:
        stages = self._look, self._move, self._probe, self._step, self._renew
        while True:
            fish, X = stages[self._clock[0]]()
            n = len(fish)
            if n:
                self.offspring.parent[:n] = fish
                self.offspring.X[:n] = np.clip(X, 0.0, 1.0)
                self.offspring.displacement[:n] = self.offspring.X[:n] - self._fish["X"][fish]
                return n
            self._turn()

    def _turn(self) -> None:
        """Switch to the next stage; *probe* runs ``try_number`` times, and the last stage ends the iteration."""
        stage, attempt, iteration = self._clock
        if stage == PROBE and attempt + 1 < self.settings.try_number:
            self._clock[1] = attempt + 1
            return
        if stage == MOVE:  # a fish that did not move forages
            self._searching[:] = ~self._moved
            self._target[...] = self._fish["X"]
        elif stage == STEP:  # each fish goes to its planned position
            better = beats(self._next, self._fish)
            self._last_gain[better] = (self._next["X"] - self._fish["X"])[better]
            for name, column in self._next.items():
                self._fish[name][...] = column
        self._clock[:] = (LOOK, 0, iteration + 1) if stage == RENEW else (stage + 1, 0, iteration)

    def _look(self) -> Candidates:
        """Find the neighbours of each fish and the best of them; return the centres of the neighbours as candidates."""
        s, fish = self.settings, self._fish
        affinities_among(fish["F"], fish["CV"], fish["F"], fish["CV"], self._affinity)
        partners = np.zeros(s.pop_size, np.int64)
        find_neighbours(fish["X"], self._affinity, s.visual_range, partners, self._partner, self._centre)
        self._limit[:] = np.where(partners > 0, s.crowding_factor * partners * self._affinity, np.inf)
        self._moved[:] = False
        for name, column in fish.items():
            self._next[name][...] = column
        social = np.flatnonzero(partners > 0)
        return social, self._centre[social]

    def _move(self) -> Candidates:
        """Return candidates between each fish and its best partner, and its centre, where these are not crowded."""
        follows = np.flatnonzero(self._affinity[self._partner] > self._limit)
        swarms = np.flatnonzero(self._swarms)
        fish = np.concatenate([follows, swarms])
        target = np.concatenate([self._fish["X"][self._partner[follows]], self._centre[swarms]])
        return fish, self._part_way(fish, target)

    def _probe(self) -> Candidates:
        """Return a trial point for each searching fish, within its foraging range.

        With contraction, a fish's first trial point repeats the displacement that last improved it.
        """
        fish = np.flatnonzero(self._searching)
        X = self._somewhere_near(self._fish["X"][fish])
        if self.settings.contract and self._clock[1] == 0:
            remembered = self._last_gain[fish].any(axis=1)
            X[remembered] = (self._fish["X"] + self._last_gain)[fish[remembered]]
        return fish, X

    def _step(self) -> Candidates:
        """Return a candidate between each fish and its better trial point, or a random step if it has none."""
        found = (self._target != self._fish["X"]).any(axis=1)
        fish = np.flatnonzero(self._searching | found)
        toward = self._part_way(fish, self._target[fish])
        return fish, np.where(found[fish, None], toward, self._somewhere_near(self._fish["X"][fish]))

    def _renew(self) -> Candidates:
        """Return clones of the antibodies of highest expected reproduction for the rows of the lowest (immunity)."""
        s, fish = self.settings, self._fish
        n = int(s.renewal_rate * s.pop_size) if s.immune else 0
        if n == 0:
            return np.empty(0, np.int64), np.empty((0, self.free.size))
        concentration, reproduction = np.empty(s.pop_size), np.empty(s.pop_size)
        affinities_among(fish["F"], fish["CV"], fish["F"], fish["CV"], self._affinity)
        concentrations(fish["F"], concentration)
        expected_reproduction(self._affinity, concentration, s.affinity_weight, reproduction)
        order = np.argsort(reproduction, kind="stable")
        parents = fish["X"][order[::-1][:n]]
        return order[:n], self._somewhere_near(parents)

    def _uniform(self, n: int, columns: int) -> np.ndarray:
        table = np.empty((n, columns))
        fill_uniform(table, self.seed, self.generation)
        return table

    def _part_way(self, fish: np.ndarray, target: np.ndarray) -> np.ndarray:
        x = self._fish["X"][fish]
        return x + self._uniform(len(fish), 1) * (target - x)

    def _somewhere_near(self, x: np.ndarray) -> np.ndarray:
        """Return random positions (n, n_var) within the visual range of ``x`` (n, n_var), which contracts over time."""
        s, (n, n_var) = self.settings, x.shape
        shrinkage = max(s.contraction_factor**self.iteration, s.min_range) if s.contract else 1.0
        numbers = self._uniform(n, 2 * n_var)
        changed = numbers[:, :n_var] < s.coordinates_per_step / n_var
        changed[np.arange(n), numbers[:, :n_var].argmin(axis=1)] = True  # at least one
        return np.where(changed, x + s.visual_range * shrinkage * (2.0 * numbers[:, n_var:] - 1.0), x)

    # ------------------------------------------------------------------------------------------------ accepting results
    def _accept(self) -> None:
        n = self.n_planned
        waiting = slice(self.board.count, self.board.count + n)
        population = self.board.population
        results = {name: getattr(population, name)[waiting] for name in ("X", "F", "CV")}
        fish, stage = self.offspring.parent[:n], self._clock[0]
        if stage == LOOK:
            affinity = np.empty(n)
            affinities_among(results["F"], results["CV"], self._fish["F"], self._fish["CV"], affinity)
            self._swarms[:] = False
            self._swarms[fish] = affinity > self._limit[fish]
        elif stage == MOVE:
            swarmers = int(np.argmax(np.diff(fish, prepend=-1) <= 0)) or n  # numbers restart at the first that swarms
            self._offer(fish[:swarmers], part(results, slice(0, swarmers)))
            self._offer(fish[swarmers:], part(results, slice(swarmers, n)))
        elif stage == PROBE:
            better = beats(results, part(self._fish, fish))
            self._target[fish[better]] = results["X"][better]
            self._searching[fish[better]] = False
            self._offer(fish[better], part(results, better))
        elif stage == STEP:
            random_step = self._searching[fish]
            for name, column in self._next.items():  # a random step is accepted even if it is worse
                column[fish[random_step]] = results[name][random_step]
            self._offer(fish[~random_step], part(results, ~random_step))
        else:
            for name, column in self._fish.items():
                column[fish] = results[name]
            self._last_gain[fish] = 0.0
        self.board.select(n)
        self._turn()

    def _offer(self, fish: np.ndarray, new: dict[str, np.ndarray]) -> None:
        """Plan the move of fish to new points: the first if no worse than their own, a later one if better."""
        plan = part(self._next, fish)
        accepted = beats(new, plan) | (~self._moved[fish] & ~beats(plan, new))
        self._moved[fish[accepted]] = True
        for name, column in self._next.items():
            column[fish[accepted]] = new[name][accepted]


def part(rows: dict[str, np.ndarray], which: np.ndarray | slice) -> dict[str, np.ndarray]:
    """Return the selected rows of every column."""
    return {name: column[which] for name, column in rows.items()}


def beats(new: dict[str, np.ndarray], old: dict[str, np.ndarray]) -> np.ndarray:
    """Return row by row whether ``new`` is better than ``old``: less violation, or as much and dominating."""
    better = np.empty(len(new["CV"]), bool)
    better_rows(new["F"], new["CV"], old["F"], old["CV"], better)
    return better
