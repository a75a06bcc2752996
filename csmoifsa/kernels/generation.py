"""One generation: plan offspring, have them evaluated, accept them. ``ask``/``tell`` and the compiled loop share these.

A generation is ``n_offsprings`` candidates that are planned, evaluated and accepted together.
"""

from __future__ import annotations

import numpy as np
from numba import int64

from csmoifsa.jit import EVALUATOR, Indices, Matrix, Stream, Vector, jit, record_type
from csmoifsa.kernels.behaviours import fill_rows
from csmoifsa.kernels.credit import operator_probabilities, update_credit
from csmoifsa.kernels.parents import choose_parents, pick
from csmoifsa.kernels.random import open_stream, uniform
from csmoifsa.kernels.records import Arrays, Memory, Numbers, Offspring, Parameters, Population, Task
from csmoifsa.kernels.selection import compete_with_parents, environmental_selection
from csmoifsa.kernels.space import place, total_violation
from csmoifsa.settings import Settings
from csmoifsa.typing import Evaluator


@jit(borrows=True)
def draw_behaviours(shares: Vector, seed: int, generation: int, streams: Stream, behaviour: Indices) -> None:
    """Open the random stream of each row in ``streams`` (n,) and draw the row's ``behaviour`` (at least n,) from it.

    shares : (n_behaviours,) cumulative probabilities.
    """
    for q in range(streams.size):
        stream = streams[q : q + 1]
        open_stream(stream, seed, generation, q)
        behaviour[q] = pick(shares, uniform(stream))


@jit(borrows=True)
def rows_with(number: int, behaviour: Indices, rows: Indices) -> int:
    """Write the first of ``rows`` (n,): those of ``behaviour`` (at least n,) with this number; return how many."""
    k = 0
    for q in range(rows.size):
        if behaviour[q] == number:
            rows[k] = q
            k += 1
    return k


@jit(forceinline=True)
def plan_offspring(
    population: Population, count: int, generation: int, memory: Memory, task: Task, settings: Settings,
    offspring: Offspring,
) -> None:  # fmt: skip
    """Fill ``offspring``, ``n_offsprings`` rows, from a population of ``count`` individuals.

    Each row draws its behaviour and all else from its own random stream, keyed by seed, generation and row. So rows are
    independent of each other, and each behaviour fills all its rows in one call.
    """
    n, n_behaviours = settings.n_offsprings, memory.credit.size
    shares = np.empty(n_behaviours)
    operator_probabilities(memory.credit, memory.success[0], task.enabled, settings, shares)
    for b in range(1, n_behaviours):
        shares[b] += shares[b - 1]
    parents = choose_parents(population, count, settings)
    streams, rows = np.empty(n, np.uint64), np.empty(n, np.int64)
    draw_behaviours(shares, task.seed, generation, streams, offspring.behaviour)
    for b in range(n_behaviours):
        k = rows_with(b, offspring.behaviour, rows)
        if k > 0:
            fill_rows(b, rows[:k], streams, population, parents, memory, settings, offspring)


@jit(forceinline=True)
def accept_offspring(
    population: Population, count: int, offspring: Offspring, memory: Memory, settings: Settings
) -> int:
    """Credit the behaviours and select who survives; return the new number of individuals.

    The evaluated offspring are in the rows from ``count`` on of the population, ``n_offsprings`` of them. With a
    ``count`` of 0 they are the first population, ``pop_size`` rows without parents.
    """
    n = settings.n_offsprings if count > 0 else settings.pop_size
    eliminated = np.empty(count + n, np.bool_)
    for i in range(eliminated.size):
        eliminated[i] = False
    if count > 0:
        update_credit(population, count, offspring, n, memory, settings)
    if count > 0 and settings.competition:
        compete_with_parents(population, count, offspring, n, eliminated)
    return environmental_selection(population, count, eliminated, settings.pop_size, count + n)


@jit(borrows=True, forceinline=True)
def append_offspring(population: Population, count: int, offspring: Offspring, n: int) -> bool:
    """Write the positions of ``n`` offspring behind the ``count`` individuals; return whether all values are finite.

    Objectives and violations of the offspring are in the population already.
    """
    for i in range(count, count + n):
        finite = np.isfinite(population.CV[i])
        for k in range(population.F.shape[1]):
            finite &= np.isfinite(population.F[i, k])
        if not finite:
            return False
        for k in range(population.X.shape[1]):
            population.X[i, k] = offspring.X[i - count, k]
            population.displacement[i, k] = offspring.displacement[i - count, k]
    return True


_RUN = int64(
    EVALUATOR, *(record_type(kind) for kind in (Vector, Population, Offspring, Memory, Task, Parameters)),
    *(record_type(kind) for kind in (int, float, Indices, int)),
)  # fmt: skip


@jit(_RUN)
def run_generations(
    evaluate: Evaluator, data: Vector, population: Population, offspring: Offspring, memory: Memory, task: Task,
    settings: Settings, n_ieq: int, equality_tolerance: float, counters: Indices, n_generations: int,
) -> int:  # fmt: skip
    """Run whole generations in compiled code; return how many were done before a value was not finite.

    The loop is compiled once for all problems: ``evaluate`` is a first-class function (`csmoifsa.jit.EVALUATOR`), which
    gets its parameters ``data`` (k,) and writes the constraints into ``extra``. ``counters`` (2,), the number of
    individuals and of the next generation, is updated in place, like population, offspring and memory. With no
    individuals yet the first generation is the first population, which is in ``offspring`` already.
    """
    X: Matrix = np.empty((offspring.X.shape[0], task.xl.size))
    for done in range(n_generations):
        count, n = counters[0], settings.pop_size
        if count > 0:
            n = settings.n_offsprings
            plan_offspring(population, count, counters[1], memory, task, settings, offspring)
            counters[1] += 1
        place(offspring.X[:n], task.free, task.xl, task.xu, X)
        rows = slice(count, count + n)
        evaluate(X[:n], data, population.F[rows], population.extra[rows])
        total_violation(population.extra[rows], n_ieq, equality_tolerance, population.CV[rows])
        if not append_offspring(population, count, offspring, n):
            counters[1] -= count > 0
            return done
        counters[0] = accept_offspring(population, count, offspring, memory, settings)
    return n_generations


# --------------------------------------------------------------------------------------------- entries for ask and tell
@jit
def plan_rows(
    population: Arrays, offspring: Arrays, memory: Arrays, task: Arrays, settings: Numbers, seed: int, count: int,
    generation: int, X: Matrix,
) -> None:  # fmt: skip
    """Do `plan_offspring` and write the positions between the bounds into ``X`` (n_offsprings, n_var).

    The records come as plain tuples, `Task` without its seed: at a call from Python numba takes five times as long to
    read named tuples, which is as long as planning.
    """
    now, made, run = Population(*population), Offspring(*offspring), Task(task[0], task[1], task[2], task[3], seed)
    plan_offspring(now, count, generation, Memory(*memory), run, Parameters(*settings), made)
    place(made.X[: X.shape[0]], run.free, run.xl, run.xu, X)


@jit
def accept_rows(
    population: Arrays, offspring: Arrays, memory: Arrays, settings: Numbers, count: int, F: Matrix
) -> int:  # fmt: skip
    """Record the objectives ``F`` (n, n_obj) of the offspring or of the first population, and do `accept_offspring`.

    Violations and further columns are in the population already. Arguments as for `plan_rows`. Returns -1, and records
    nothing, if a value is not finite.
    """
    now, made = Population(*population), Offspring(*offspring)
    for i in range(F.shape[0]):
        for k in range(F.shape[1]):
            if not np.isfinite(F[i, k]):
                return -1
    for i in range(F.shape[0]):
        for k in range(F.shape[1]):
            now.F[count + i, k] = F[i, k]
    append_offspring(now, count, made, F.shape[0])
    return accept_offspring(now, count, made, Memory(*memory), Parameters(*settings))
