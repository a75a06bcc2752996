"""Credit of the behaviours, their rates of success, and the probabilities with which they make offspring."""

from __future__ import annotations

import numpy as np

from csmoifsa.jit import Flags, Vector, jit
from csmoifsa.kernels.behaviours import MIN_CREDIT, REMEMBERS_STEPS, TIRES_PARENTS
from csmoifsa.kernels.dominance import compare, front_box
from csmoifsa.kernels.records import Memory, Offspring, Population
from csmoifsa.settings import Settings

LONG = 0.01  # least length of a step that is kept, as a share of a variable's range
LEAST_GAIN = 1e-4  # improvement over the parent, in extents of the first front, that counts as a success
RISEN = 0.5  # least credit of every behaviour where nothing succeeds, as a share of min_forage_credit
SLOWER = 10.0  # by how much the share of successes of all behaviours is smoothed more slowly than a credit


@jit(borrows=True, forceinline=True)
def improvement(population: Population, child: int, parent: int, extent: Vector) -> float:
    """Return by how much the row ``child`` is better than the row ``parent``, 0 if it is not.

    The gains in all objectives are added up in units of ``extent`` (n_obj,); with less violation it is the relative
    decrease of the violation.
    """
    F, CV = population.F, population.CV
    if compare(F, CV, child, F, CV, parent) != 1:
        return 0.0
    if CV[child] < CV[parent]:
        return 1.0 - CV[child] / CV[parent]
    total = 0.0
    for k in range(extent.size):
        total += (F[parent, k] - F[child, k]) / max(extent[k], 1e-300)
    return total


@jit(borrows=True, forceinline=True)
def remember_step(displacement: Vector, step_lengths: Vector) -> None:
    """Put the length of a long ``displacement`` (n_var,) first in ``step_lengths`` (memory_size,), without the last."""
    length = 0.0
    for k in range(displacement.size):
        length = max(length, abs(displacement[k]))
    if length >= LONG:
        for s in range(step_lengths.size - 1, 0, -1):
            step_lengths[s] = step_lengths[s - 1]
        step_lengths[0] = length


@jit(borrows=True, forceinline=True)
def count_successes(
    population: Population, count: int, offspring: Offspring, n: int, extent: Vector, memory: Memory, trials: Vector,
    successes: Vector,
) -> None:  # fmt: skip
    """Write each behaviour's number of ``trials`` and of ``successes`` (n_behaviours,) among the offspring.

    extent : (n_obj,) ranges of the front, the unit of gains. Uses of parents and long steps are recorded on the way.
    """
    for b in range(trials.size):
        trials[b], successes[b] = 0.0, 0.0
    for q in range(n):
        b, parent = offspring.behaviour[q], offspring.parent[q]
        population.n_uses[count + q] = 0.0
        if TIRES_PARENTS[b]:
            population.n_uses[parent] += 1.0
        gain = improvement(population, count + q, parent, extent)
        trials[b] += 1.0
        successes[b] += gain > LEAST_GAIN
        if REMEMBERS_STEPS[b] and gain > 0.0:
            remember_step(offspring.displacement[q], memory.step_lengths)


@jit(forceinline=True)
def update_credit(
    population: Population, count: int, offspring: Offspring, n: int, memory: Memory, settings: Settings
) -> None:
    """Smooth each behaviour's credit towards its share of successes among the ``n`` rows of ``offspring``.

    The share of successes of all behaviours together is smoothed likewise, but more slowly. A success is a child, in
    row ``count + q`` of the population, that is better than its own parent by more than ``LEAST_GAIN`` of the front's
    extent; without this bound tiny gains on a local front would keep the credit of greedy behaviours. Also counts the
    uses of parents, and keeps long steps of behaviours with REMEMBERS_STEPS.
    """
    credit = memory.credit
    n_obj = population.F.shape[1]
    ideal, extent, trials, successes = np.empty(n_obj), np.empty(n_obj), np.empty(credit.size), np.empty(credit.size)
    front_box(population.F, population.rank, count, ideal, extent)
    count_successes(population, count, offspring, n, extent, memory, trials, successes)
    total = 0.0
    for b in range(credit.size):
        total += successes[b]
        if trials[b] > 0.0:
            credit[b] += settings.credit_rate * (successes[b] / trials[b] - credit[b])
    memory.success[0] += settings.credit_rate / SLOWER * (total / n - memory.success[0])


@jit(borrows=True, forceinline=True)
def operator_probabilities(
    credit: Vector, success: float, enabled: Flags, settings: Settings, probabilities: Vector
) -> None:
    """Write the probabilities (n_behaviours,): ``min_probability`` each, the rest in proportion to credit ** 1.5.

    Raises ``credit`` (n_behaviours,) in place to the least credit of each behaviour. Where the share of successes of
    all behaviours, ``success``, is below ``rare_success``, the least credits rise towards half of ``min_forage_credit``
    or stay above it: otherwise those with the greatest least credit would make nearly all children of a search that
    has almost converged, however seldom they succeed. A behaviour that is not ``enabled`` (n_behaviours,) gets 0.
    """
    total, n, floor, rarity = 0.0, 0, settings.min_probability, 0.0
    if success < settings.rare_success:
        rarity = 1.0 - success / settings.rare_success
    for b in range(credit.size):
        credit[b] = max(credit[b], max(MIN_CREDIT[b], RISEN * rarity) * settings.min_forage_credit)
        probabilities[b] = 0.0
        if enabled[b]:
            probabilities[b] = credit[b] ** 1.5
            total += probabilities[b]
            n += 1
    for b in range(credit.size):
        if enabled[b]:
            probabilities[b] = floor + (1.0 - n * floor) * probabilities[b] / total if total > 0.0 else 1.0 / n
