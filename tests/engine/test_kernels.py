"""Each compiled kernel against its slow twin."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csmoifsa.kernels import (
    credit,
    dominance,
    fish,
    generation,
    parents,
    random,
    selection,
    space,
    truncation,
    variation,
)
from csmoifsa.kernels.records import Memory, Offspring, Population, Task, parameters_of
from csmoifsa.settings import BEHAVIOURS, Settings

SEEDS = st.integers(0, 2**32 - 1)


def random_rows(seed: int, n: int, n_obj: int, *, coarse: bool = False, violated: bool = False):
    """Objectives (many ties if coarse) and violations."""
    rng = np.random.default_rng(seed)
    F = rng.integers(0, 4, (n, n_obj)).astype(float) if coarse else rng.random((n, n_obj))
    CV = rng.integers(0, 3, n).astype(float) if violated else np.zeros(n)
    return F, CV


def front_of(seed: int, n: int, n_obj: int) -> np.ndarray:
    """Mutually non-dominated rows: on the positive unit sphere, sorted by the first objective."""
    F = np.abs(np.random.default_rng(seed).normal(size=(n, n_obj))) + 1e-9
    F /= np.linalg.norm(F, axis=1, keepdims=True)
    return F[np.argsort(F[:, 0])]


def lattice_front(seed: int, n: int, n_obj: int) -> np.ndarray:
    """Rows of sixteenths that sum up to 1, sorted, with all corners: many distances are exactly equal."""
    rng = np.random.default_rng(seed)
    inner = rng.multinomial(16, np.full(n_obj, 1.0 / n_obj), n)
    return np.unique(np.vstack([inner, 16 * np.eye(n_obj, dtype=int)]), axis=0) / 16.0


def population_of(F, CV, seed=0):
    n = len(F)
    rng = np.random.default_rng(seed)
    X, heading, extra = rng.random((n, 3)), rng.normal(size=(n, 3)), rng.random((n, 2))
    return Population(X, heading, F.copy(), CV.copy(), extra, np.zeros(n, np.int64), *np.zeros((2, n)), np.arange(n))


@given(SEEDS, st.integers(0, 10**6), st.integers(0, 10**6))
def test_stream_equals_integer_arithmetic(seed, tick, row):
    stream, twin = np.empty(1, np.uint64), oracle.Stream(seed, tick, row)
    random.open_stream(stream, seed, tick, row)
    assert [random.uniform(stream) for _ in range(5)] == [twin.uniform() for _ in range(5)]
    assert [random.randint(stream, 7) for _ in range(5)] == [twin.randint(7) for _ in range(5)]


def test_uniform_numbers_look_uniform():
    table = np.empty((2000, 50))
    random.fill_uniform(table, 1, 2)
    counts = np.histogram(table, bins=20, range=(0, 1))[0]
    expected = table.size / 20
    assert ((counts - expected) ** 2 / expected).sum() < 43.8  # chi-square, 19 degrees of freedom, p = 0.001
    assert abs(np.corrcoef(table[:-1, 0], table[1:, 0])[0, 1]) < 0.08
    assert len(np.unique(table)) == table.size


@given(SEEDS, st.integers(1, 30), st.integers(2, 5), st.booleans(), st.booleans())
def test_compare_precedes_and_sort(seed, n, n_obj, coarse, violated):
    F, CV = random_rows(seed, n, n_obj, coarse=coarse, violated=violated)
    for i in range(n):
        for j in range(n):
            assert dominance.compare(F, CV, i, F, CV, j) == oracle.compare(F, CV, i, j)
    order = np.random.default_rng(seed).permutation(n)
    dominance.sort_rows(F, CV, order, 0)
    assert order.tolist() == sorted(range(n), key=lambda i: (CV[i], *F[i], i))


@given(SEEDS, st.integers(1, 40), st.integers(2, 5), st.booleans(), st.booleans())
def test_layers_equal_peeling(seed, n, n_obj, coarse, violated):
    F, CV = random_rows(seed, n, n_obj, coarse=coarse, violated=violated)
    order, rank = np.arange(n), np.empty(n, np.int64)
    dominance.sort_rows(F, CV, order, 0)
    layer = dominance.rank_rows
    depth = layer(F, CV, order, rank)
    assert rank.tolist() == oracle.ranks(F, CV)
    assert depth == rank.max() + 1


@pytest.mark.parametrize("n_obj", [2, 3, 5])
@settings(max_examples=30)
@given(SEEDS, st.integers(1, 70), st.booleans(), st.data())
def test_thinning_equals_the_plain_one(n_obj, seed, n, ties, data):
    F = (lattice_front if ties else front_of)(seed, n, n_obj)
    n = len(F)
    keep = data.draw(st.integers(1, n))
    crowding, kept, rows = np.zeros(n), np.empty(n, np.bool_), np.arange(n)
    truncation.truncate(F, rows, keep, crowding, kept)
    expected, free = (oracle.truncate_two if n_obj == 2 else oracle.truncate_many)(F, keep)
    assert np.flatnonzero(kept).tolist() == sorted(expected)
    np.testing.assert_allclose(
        crowding[sorted(expected)], [f for _, f in sorted(zip(expected, free, strict=True))], 1e-12
    )


BOOL = st.booleans()


@given(SEEDS, st.integers(1, 40), st.integers(2, 4), st.integers(1, 40), BOOL, BOOL, BOOL)
def test_selection_keeps_whole_fronts_first(seed, n, n_obj, capacity, coarse, violated, all_ranks):
    F, CV = random_rows(seed, n, n_obj, coarse=coarse, violated=violated)
    population, before = population_of(F, CV), population_of(F, CV)
    kept = selection.environmental_selection(population, 0, np.zeros(n, bool), capacity, n if all_ranks else 1)
    rank = np.array(oracle.ranks(F, CV))
    assert kept == min(capacity, n if all_ranks else int((rank == 0).sum()))
    # every kept fish is one of the old ones, with all its columns, and none is kept twice
    old = {tuple(before.X[i]): i for i in range(n)}
    rows = [old[tuple(population.X[i])] for i in range(kept)]
    assert len(set(rows)) == kept
    for new, column in zip(population[:5], before[:5], strict=True):
        assert (new[:kept] == column[rows]).all()
    assert population.rank[:kept].tolist() == rank[rows].tolist()
    assert population.order[:kept].tolist() == sorted(
        range(kept), key=lambda i: (population.CV[i], *population.F[i], rows[i])
    )
    # a fish of a layer is left out only if none of a deeper layer is in
    out = sorted(set(range(n)) - set(rows))
    if out and all_ranks:
        assert rank[rows].max() <= rank[out].min()


@given(SEEDS, st.integers(2, 3), st.integers(1, 20), st.integers(0, 10), BOOL)
def test_the_rest_is_selected_as_if_eliminated_rows_had_never_been(seed, n_obj, count, newcomers, coarse):
    rng, total = np.random.default_rng(seed), count + newcomers
    F, CV = random_rows(seed, total, n_obj, coarse=coarse, violated=True)
    eliminated, population = rng.random(total) < 0.4, population_of(F, CV)
    selection.environmental_selection(population, 0, np.zeros(count, bool), total, total)  # sorts the first rows
    kept = selection.environmental_selection(population, count, eliminated, total, total)
    alone = population_of(F[~eliminated], CV[~eliminated])
    assert kept == selection.environmental_selection(alone, 0, np.zeros((~eliminated).sum(), bool), total, total)
    for column in ("F", "CV", "rank"):
        mine, other = (getattr(s, column)[s.order[:kept]] for s in (population, alone))
        assert (mine == other).all()


@settings(max_examples=60)
@given(SEEDS, st.integers(2, 5), st.integers(1, 25), st.integers(1, 12), BOOL, BOOL)
def test_ranks_kept_between_selections_are_those_found_anew(seed, n_obj, capacity, newcomers, coarse, violated):
    rng = np.random.default_rng(seed)
    F, CV = random_rows(seed, capacity + newcomers, n_obj, coarse=coarse, violated=violated)
    population, count = population_of(F, CV), 0
    eliminated = np.zeros(capacity, bool)
    for batch in range(8):
        count = selection.environmental_selection(population, count, eliminated, capacity, capacity + newcomers)
        order = population.order[:count]
        assert population.rank[order].tolist() == oracle.ranks(population.F[order], population.CV[order])
        better = 0.8**batch  # so that newcomers push whole ranks down
        F, CV = random_rows(seed + batch, newcomers, n_obj, coarse=coarse, violated=violated)
        rows = slice(count, count + newcomers)
        population.F[rows], population.CV[rows] = np.floor(F * better) if coarse else F * better, CV
        eliminated = rng.random(count + newcomers) < 0.2
        eliminated[-1] = False  # somebody is left


def test_ranks_are_right_when_very_many_change():
    rng = np.random.default_rng(4)
    base = rng.random((300, 3))
    population, count = population_of(np.vstack([base, np.zeros((10, 3))]), np.zeros(310)), 300
    selection.environmental_selection(population, 0, np.zeros(300, bool), 310, 310)
    population.F[300:] = np.repeat(np.linspace(0.3, 0.01, 10), 3).reshape(10, 3)
    eliminated = np.zeros(310, bool)
    eliminated[:5] = True
    before = population.rank[:300].copy()
    count = selection.environmental_selection(population, count, eliminated, 310, 310)
    order = population.order[:count]
    assert population.rank[order].tolist() == oracle.ranks(population.F[order], population.CV[order])
    assert (population.rank[5:300] != before[5:]).sum() > 100


def offspring_of(parent, behaviour=None, displacement=None):
    """Offspring with these parents; positions do not matter."""
    n = len(parent)
    displacement = np.zeros((n, 3)) if displacement is None else displacement
    behaviour = np.zeros(n, np.int64) if behaviour is None else behaviour
    return Offspring(np.zeros((n, 3)), displacement, np.array(parent), behaviour)


def test_the_worse_of_child_and_parent_is_eliminated_by_hand():
    F = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 0.0], [0.5, 0.5], [2.5, 2.5], [0.0, 3.0], [2.0, 2.0]])
    population, eliminated = population_of(F, np.zeros(7)), np.zeros(7, bool)
    selection.compete_with_parents(population, 3, offspring_of([0, 1, 2, 1]), 4, eliminated)
    assert np.flatnonzero(eliminated).tolist() == [0, 4]  # a better child, a worse child, neither, an equal


@pytest.mark.parametrize("competition", [True, False])
def test_accepting_offspring_by_hand(competition):
    # two parents; a child that dominates the first, and a child that the second dominates
    F = np.array([[1.0, 2.0], [2.0, 1.0], [0.5, 2.0], [3.0, 1.0]])
    population = population_of(F, np.zeros(4))
    selection.environmental_selection(population, 0, np.zeros(2, bool), 4, 4)
    memory = Memory(np.full(len(BEHAVIOURS), 0.1), np.full(1, 0.1), np.zeros(2))
    numbers = parameters_of(Settings(pop_size=4, n_offsprings=2, competition=competition, credit_rate=0.5))
    count = generation.accept_offspring(population, 2, offspring_of([0, 1], np.array([1, 2])), memory, numbers)
    left = [[0.5, 2.0], [2.0, 1.0]] if competition else [[0.5, 2.0], [1.0, 2.0], [2.0, 1.0], [3.0, 1.0]]
    assert population.F[population.order[:count]].tolist() == left
    np.testing.assert_allclose(memory.credit, [0.1, 0.55, 0.05, 0.1])  # the first child succeeded, the second did not


@given(SEEDS, st.integers(1, 30), st.integers(1, 30))
def test_least_crowded(seed, count, most):
    rng = np.random.default_rng(seed)
    space, rank = rng.permutation(count).astype(float), rng.integers(0, 2, count)
    rank[0] = 0
    expected = sorted(np.flatnonzero(rank == 0).tolist(), key=lambda i: -space[i])[:most]
    assert parents.least_crowded(rank, space, count, most).tolist() == expected


def test_clone_shares_by_hand():
    space = np.array([1.0, np.inf, 3.0, 2.0])
    shares = parents.clone_shares_of(space, np.array([0, 1, 2]))  # the end counts 2 x 3
    np.testing.assert_allclose(shares, [0.1, 0.7, 1.0])
    np.testing.assert_allclose(parents.clone_shares_of(np.array([np.inf, np.inf]), np.array([0, 1])), [0.5, 1.0])
    np.testing.assert_allclose(parents.clone_shares_of(np.zeros(2), np.array([0, 1])), [0.5, 1.0])
    assert [parents.pick(shares, u) for u in (0.0, 0.0999, 0.1, 0.69, 0.7, 0.9999)] == [0, 0, 1, 1, 2, 2]


@given(SEEDS, st.integers(1, 40), st.floats(0, 3), st.floats(0, 50))
def test_mutation_equals_the_plain_one(seed, n_var, mutations, eta):
    x = np.random.default_rng(seed).random(n_var)
    y, stream = x.copy(), np.empty(1, np.uint64)
    random.open_stream(stream, seed, 3, 4)
    variation.mutate(y, mutations, eta, stream)
    oracle.mutate(x, mutations, eta, oracle.Stream(seed, 3, 4))
    np.testing.assert_allclose(y, x, rtol=1e-12, atol=1e-12)
    assert ((y >= 0) & (y <= 1)).all()


@pytest.mark.parametrize(("n_var", "mutations"), [(10, 1.0), (10, 0.5), (1, 0.5), (3, 3.0)])
def test_mutation_hits_as_many_coordinates_as_told(n_var, mutations):
    hits, stream = 0, np.empty(1, np.uint64)
    for row in range(4000):
        x = np.full(n_var, 0.5)
        random.open_stream(stream, 1, 0, row)
        variation.mutate(x, mutations, 20.0, stream)
        hits += int((x != 0.5).sum())
    assert hits / 4000 == pytest.approx(mutations, rel=0.06)


@settings(max_examples=60)
@given(SEEDS, st.integers(1, 20), st.integers(2, 3), st.integers(0, 3), st.integers(1, 6), st.integers(0, 4), BOOL)
def test_every_behaviour_equals_the_plain_one(seed, count, n_obj, b, n_var, known, infeasible):
    rng = np.random.default_rng(seed)
    F, CV = random_rows(seed, count, n_obj)
    CV += infeasible * rng.random(count)
    population = Population(
        rng.random((count, n_var)), rng.normal(size=(count, n_var)), F, CV, np.empty((count, 0)),
        np.zeros(count, np.int64), np.zeros(count), rng.integers(0, 4, count).astype(float), np.arange(count),
    )  # fmt: skip
    selection.environmental_selection(population, 0, np.zeros(count, bool), count, count)
    chosen = Settings(n_offsprings=8, n_active=5, n_leaders=3)
    offspring = Offspring(np.zeros((8, n_var)), np.zeros((8, n_var)), np.zeros(8, np.int64), np.zeros(8, np.int64))
    memory = Memory(np.full(4, 0.1), np.full(1, 0.1), np.zeros(4))
    memory.step_lengths[:known] = rng.uniform(0.01, 0.5, known)
    task = Task(np.arange(n_var), np.zeros(n_var), np.ones(n_var), np.arange(4) == b, seed)
    generation.plan_offspring(population, count, 6, memory, task, parameters_of(chosen), offspring)
    for q in range(8):
        y, v, parent = oracle.child(population, count, b, chosen, memory.step_lengths, oracle.Stream(seed, 6, q))
        assert (offspring.parent[q], offspring.behaviour[q]) == (parent, b)
        np.testing.assert_allclose(offspring.X[q], y, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(offspring.displacement[q], v, rtol=1e-12, atol=1e-12)
        assert ((offspring.X[q] >= 0) & (offspring.X[q] <= 1)).all()


def test_each_row_draws_its_behaviour_from_the_probabilities():
    F, CV = random_rows(1, 20, 2)
    population, n = population_of(F, CV), 4000
    selection.environmental_selection(population, 0, np.zeros(20, bool), 20, 20)
    memory = Memory(np.array([0.2, 0.4, 0.1, 0.8]), np.array([0.3]), np.zeros(4))
    task = Task(np.arange(3), np.zeros(3), np.ones(3), np.array([True, True, False, True]), 5)
    offspring = offspring_of(np.zeros(n, np.int64))
    numbers = parameters_of(Settings(n_offsprings=n))
    generation.plan_offspring(population, 20, 1, memory, task, numbers, offspring)
    probabilities = np.empty(4)
    credit.operator_probabilities(memory.credit, 0.3, task.enabled, numbers, probabilities)
    assert np.bincount(offspring.behaviour, minlength=4) / n == pytest.approx(probabilities, abs=0.025)


def test_latin_hypercube_has_one_fish_in_each_cell():
    X = np.empty((17, 5))
    space.latin_hypercube(X, 3)
    assert (np.sort((X * 17).astype(int), axis=0) == np.arange(17)[:, None]).all()


def test_place_stays_within_bounds_and_hits_them():
    U = np.array([[0.0, 0.0], [1.0, 1.0], [0.5, 0.3]])
    X, xl, xu = np.empty((3, 3)), np.array([0.1, 2.0, -1.0]), np.array([0.7, 2.0, 1.0])
    space.place(U, np.array([0, 2]), xl, xu, X)
    assert (X >= xl).all()
    assert (X <= xu).all()
    np.testing.assert_allclose(X, [[0.1, 2.0, -1.0], [0.7, 2.0, 1.0], [0.4, 2.0, -0.4]])


def test_violation_by_hand():
    G, CV = np.array([[1.0, -1.0, 0.5], [-1.0, 2.0, -1e-5], [0.0, 0.0, -0.5]]), np.empty(3)
    space.total_violation(G, 2, 1e-4, CV)
    np.testing.assert_allclose(CV, [1.0 + 0.5 - 1e-4, 2.0, 0.5 - 1e-4])


def test_credit_by_hand():
    # one individual on each end of the first front, then a parent inside and its children
    F = np.array([[0.0, 4.0], [2.0, 0.0], [1.0, 1.0], [0.5, 0.5], [1.0, 1.0 - 1e-9], [2.0, 0.5], [0.9, 1.0]])
    population = population_of(F, np.zeros(7))
    population.rank[:3] = 0
    clone, swarm, forage = (BEHAVIOURS.index(name) for name in ("clone", "swarm", "forage"))
    steps = np.array([[0.2, 0, 0], [0, 0, 0], [0, -0.3, 0], [0, 0, 0.005]])
    offspring = offspring_of([2, 2, 2, 2], np.array([clone, clone, swarm, forage]), steps)
    memory, numbers = Memory(np.full(4, 0.2), np.full(1, 0.4), np.zeros(2)), parameters_of(Settings(credit_rate=0.5))
    credit.update_credit(population, 3, offspring, 4, memory, numbers)
    # of two clones one gains more than the tolerance; none follows; the third is worse; the forager gains 0.05
    np.testing.assert_allclose(memory.credit, [0.35, 0.2, 0.1, 0.6])
    np.testing.assert_allclose(memory.success, 0.4 + 0.05 * (2 / 4 - 0.4))  # a tenth as fast, over all four children
    assert memory.step_lengths.tolist() == [0.0, 0.0]  # its step was too short to remember
    assert population.n_uses[:3].tolist() == [0.0, 0.0, 3.0]  # two clones and a forager
    offspring.behaviour[0] = forage
    credit.update_credit(population, 3, offspring, 1, memory, numbers)
    assert memory.step_lengths.tolist() == [0.2, 0.0]
    offspring.displacement[0] = [0, -0.4, 0]
    credit.update_credit(population, 3, offspring, 1, memory, numbers)
    credit.update_credit(population, 3, offspring, 1, memory, numbers)
    assert memory.step_lengths.tolist() == [0.4, 0.4]


def test_gain_counts_violation_first():
    population = population_of(np.array([[1.0, 1.0], [2.0, 2.0], [0.0, 2.0]]), np.array([1.0, 0.25, 1.0]))
    width = np.array([2.0, 4.0])
    assert credit.improvement(population, 1, 0, width) == 0.75
    assert credit.improvement(population, 0, 1, width) == 0.0
    assert credit.improvement(population, 2, 0, width) == 0.0


def test_operator_probabilities_by_hand():
    values, probabilities = np.array([0.01, 0.4, 0.9, 0.05]), np.empty(4)
    numbers = parameters_of(Settings(min_probability=0.1, min_forage_credit=0.1))
    credit.operator_probabilities(values, 0.02, np.array([True, True, False, True]), numbers, probabilities)
    parts = np.array([0.05, 0.4, 0.0, 0.1]) ** 1.5
    np.testing.assert_allclose(probabilities, np.where(parts > 0, 0.1 + 0.7 * parts / parts.sum(), 0.0))
    assert values.tolist() == [0.05, 0.4, 0.9, 0.1]  # foraging has the least credit, cloning half of it
    numbers = parameters_of(Settings(min_probability=0.1, min_forage_credit=0.0))
    credit.operator_probabilities(np.zeros(4), 0.02, np.array([True, True, False, False]), numbers, probabilities)
    np.testing.assert_allclose(probabilities, [0.5, 0.5, 0.0, 0.0])


@pytest.mark.parametrize(
    ("success", "least"),
    [(1, [0.05, 0, 0, 0.1]), (0.04, [0.05, 0, 0, 0.1]), (0.01, [0.05, 0.0375, 0.0375, 0.1]), (0, [0.05] * 3 + [0.1])],
)
def test_least_credits_rise_as_successes_die_out(success, least):
    values, numbers = np.zeros(4), parameters_of(Settings(min_forage_credit=0.1, rare_success=0.04))
    credit.operator_probabilities(values, success, np.ones(4, bool), numbers, np.empty(4))
    np.testing.assert_allclose(values, least, rtol=1e-14)
    values, numbers = np.zeros(4), parameters_of(Settings(min_forage_credit=0.1, rare_success=0.0))
    credit.operator_probabilities(values, success, np.ones(4, bool), numbers, np.empty(4))
    np.testing.assert_allclose(values, [0.05, 0, 0, 0.1])


@given(SEEDS, st.integers(1, 20), st.booleans())
def test_affinities_count_the_better(seed, n, violated):
    F, CV = random_rows(seed, n, 3, coarse=True, violated=violated)
    affinity = np.empty(n)
    fish.affinities_among(F, CV, F, CV, affinity)
    better = [sum(oracle.compare(F, CV, j, i) == 1 for j in range(n)) for i in range(n)]
    np.testing.assert_allclose(affinity, 1 / (1 + np.array(better)))


@given(SEEDS, st.integers(2, 15), st.floats(0.05, 1.0))
def test_look_around(seed, n, visual):
    rng = np.random.default_rng(seed)
    X, affinity = rng.random((n, 4)), 1.0 / rng.integers(1, 4, n)
    partners, best, centre = np.empty(n, np.int64), np.empty(n, np.int64), np.empty((n, 4))
    fish.find_neighbours(X, affinity, visual, partners, best, centre)
    for i in range(n):
        rms = np.sqrt(((X - X[i]) ** 2).mean(axis=1))
        near = [j for j in range(n) if j != i and rms[j] <= visual]
        assert partners[i] == len(near)
        if near:
            assert best[i] == min(near, key=lambda j: (-affinity[j], rms[j]))
            np.testing.assert_allclose(centre[i], X[near].mean(axis=0))
        else:
            assert best[i] == -1


@given(SEEDS, st.integers(2, 20))
def test_concentration_and_reproduction(seed, n):
    F, CV = random_rows(seed, n, 2)
    concentration, chance, affinity = np.empty(n), np.empty(n), np.empty(n)
    fish.concentrations(F, concentration)
    G = oracle.scaled(F)
    expected = 1 / np.array([sum(np.linalg.norm(G[i] - G[j]) for j in range(n)) for i in range(n)])
    np.testing.assert_allclose(concentration, expected, 1e-12)
    fish.affinities_among(F, CV, F, CV, affinity)
    fish.expected_reproduction(affinity, concentration, 0.3, chance)
    np.testing.assert_allclose(chance, 0.3 * affinity / affinity.sum() + 0.7 / expected / (1 / expected).sum(), 1e-12)
    assert chance.sum() == pytest.approx(1.0)
