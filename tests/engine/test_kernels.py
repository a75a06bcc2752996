"""Each compiled kernel against its slow twin."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csmoifsa import kernels

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


def school_of(F, CV, seed=0):
    n = len(F)
    rng = np.random.default_rng(seed)
    X, heading, extra = rng.random((n, 3)), rng.normal(size=(n, 3)), rng.random((n, 2))
    return kernels.School(
        X, heading, F.copy(), CV.copy(), extra, np.zeros(n, np.int64), *np.zeros((2, n)), np.arange(n)
    )


@given(SEEDS, st.integers(0, 10**6), st.integers(0, 10**6))
def test_stream_equals_integer_arithmetic(seed, tick, row):
    stream, twin = np.empty(1, np.uint64), oracle.Stream(seed, tick, row)
    kernels.open_stream(stream, seed, tick, row)
    assert [kernels.uniform(stream) for _ in range(5)] == [twin.uniform() for _ in range(5)]
    assert [kernels.below(stream, 7) for _ in range(5)] == [twin.below(7) for _ in range(5)]


def test_uniform_numbers_look_uniform():
    table = np.empty((2000, 50))
    kernels.fill_uniform(table, 1, 2)
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
            assert kernels.compare(F, CV, i, j) == oracle.compare(F, CV, i, j)
    order = np.random.default_rng(seed).permutation(n)
    kernels.sort_in(F, CV, order, 0)
    assert order.tolist() == sorted(range(n), key=lambda i: (CV[i], *F[i], i))


@given(SEEDS, st.integers(1, 40), st.integers(2, 5), st.booleans(), st.booleans())
def test_layers_equal_peeling(seed, n, n_obj, coarse, violated):
    F, CV = random_rows(seed, n, n_obj, coarse=coarse, violated=violated)
    order, rank = np.arange(n), np.empty(n, np.int64)
    kernels.sort_in(F, CV, order, 0)
    layer = kernels.layer_pairs if n_obj == 2 else kernels.layer_many
    depth = layer(F, CV, order, rank)
    assert rank.tolist() == oracle.layers(F, CV)
    assert depth == rank.max() + 1


@pytest.mark.parametrize("n_obj", [2, 3, 5])
@settings(max_examples=30)
@given(SEEDS, st.integers(1, 30), st.data())
def test_thinning_equals_the_plain_one(n_obj, seed, n, data):
    keep = data.draw(st.integers(1, n))
    F = front_of(seed, n, n_obj)
    space, alive, rows = np.zeros(n), np.empty(n, np.bool_), np.arange(n)
    (kernels.thin_pairs if n_obj == 2 else kernels.thin_many)(F, rows, keep, space, alive)
    expected, free = (oracle.thin_pairs if n_obj == 2 else oracle.thin_many)(F, keep)
    assert np.flatnonzero(alive).tolist() == sorted(expected)
    np.testing.assert_allclose(space[sorted(expected)], [f for _, f in sorted(zip(expected, free, strict=True))], 1e-12)


BOOL = st.booleans()


@given(SEEDS, st.integers(1, 40), st.integers(2, 4), st.integers(1, 40), BOOL, BOOL, BOOL, BOOL)
def test_keep_best_keeps_whole_layers_first(seed, n, n_obj, capacity, coarse, violated, layered, one_shot):
    F, CV = random_rows(seed, n, n_obj, coarse=coarse, violated=violated)
    school, before = school_of(F, CV), school_of(F, CV)
    kept = kernels.keep_best(school, 0, np.zeros(n, bool), capacity, layered, one_shot)
    rank = np.array(oracle.layers(F, CV))
    assert kept == min(capacity, n if layered else int((rank == 0).sum()))
    # every kept fish is one of the old ones, with all its columns, and none is kept twice
    old = {tuple(before.X[i]): i for i in range(n)}
    rows = [old[tuple(school.X[i])] for i in range(kept)]
    assert len(set(rows)) == kept
    for new, column in zip(school[:5], before[:5], strict=True):
        assert (new[:kept] == column[rows]).all()
    assert school.rank[:kept].tolist() == rank[rows].tolist()
    assert school.order[:kept].tolist() == sorted(range(kept), key=lambda i: (school.CV[i], *school.F[i], rows[i]))
    # a fish of a layer is left out only if none of a deeper layer is in
    out = sorted(set(range(n)) - set(rows))
    if out and layered:
        assert rank[rows].max() <= rank[out].min()


@given(SEEDS, st.integers(2, 3), st.integers(1, 20), st.integers(0, 10), BOOL)
def test_lost_rows_leave_and_the_others_are_as_if_they_had_never_been(seed, n_obj, count, newcomers, coarse):
    rng, total = np.random.default_rng(seed), count + newcomers
    F, CV = random_rows(seed, total, n_obj, coarse=coarse, violated=True)
    lost, school = rng.random(total) < 0.4, school_of(F, CV)
    kernels.keep_best(school, 0, np.zeros(count, bool), total, True, False)  # sorts the first rows
    kept = kernels.keep_best(school, count, lost, total, True, False)
    alone = school_of(F[~lost], CV[~lost])
    assert kept == kernels.keep_best(alone, 0, np.zeros((~lost).sum(), bool), total, True, False)
    for column in ("F", "CV", "rank"):
        mine, other = (getattr(s, column)[s.order[:kept]] for s in (school, alone))
        assert (mine == other).all()


def test_the_worse_of_child_and_parent_is_lost_by_hand():
    F = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 0.0], [0.5, 0.5], [2.5, 2.5], [0.0, 3.0], [2.0, 2.0]])
    school = school_of(F, np.zeros(7))
    brood = kernels.Brood(np.zeros((4, 1)), np.zeros((4, 1)), np.array([0, 1, 2, 1]), np.zeros(4, np.int64))
    lost = np.ones(7, bool)
    kernels.contend(school, 3, brood, 4, True, lost)
    assert np.flatnonzero(lost).tolist() == [0, 4]  # a better child, a worse child, neither, an equal
    kernels.contend(school, 3, brood, 4, False, lost)
    assert not lost.any()


@given(SEEDS, st.integers(1, 30), st.integers(1, 30))
def test_most_spacious(seed, count, most):
    rng = np.random.default_rng(seed)
    space, rank = rng.permutation(count).astype(float), rng.integers(0, 2, count)
    rank[0] = 0
    expected = sorted(np.flatnonzero(rank == 0).tolist(), key=lambda i: -space[i])[:most]
    assert kernels.most_spacious(rank, space, count, most).tolist() == expected


def test_dropping_at_once_by_hand():
    alive = np.ones(4, np.bool_)
    kernels.drop_at_once(np.array([3, 1, 0, 2]), 2, np.array([5.0, 0.1, np.inf, 0.2]), alive)
    assert alive.tolist() == [False, False, True, True]


def test_clone_shares_by_hand():
    space = np.array([1.0, np.inf, 3.0, 2.0])
    shares = kernels.clone_shares(space, np.array([0, 1, 2]))  # the end counts 2 x 3
    np.testing.assert_allclose(shares, [0.1, 0.7, 1.0])
    np.testing.assert_allclose(kernels.clone_shares(np.array([np.inf, np.inf]), np.array([0, 1])), [0.5, 1.0])
    np.testing.assert_allclose(kernels.clone_shares(np.zeros(2), np.array([0, 1])), [0.5, 1.0])
    assert [kernels.pick(shares, u) for u in (0.0, 0.0999, 0.1, 0.69, 0.7, 0.9999)] == [0, 0, 1, 1, 2, 2]


@given(SEEDS, st.integers(1, 40), st.floats(0, 3), st.floats(0, 50))
def test_mutation_equals_the_plain_one(seed, n_var, mutations, eta):
    x = np.random.default_rng(seed).random(n_var)
    y, stream = x.copy(), np.empty(1, np.uint64)
    kernels.open_stream(stream, seed, 3, 4)
    kernels.mutate(y, mutations, eta, stream)
    oracle.mutate(x, mutations, eta, oracle.Stream(seed, 3, 4))
    np.testing.assert_allclose(y, x, rtol=1e-12, atol=1e-12)
    assert ((y >= 0) & (y <= 1)).all()


@pytest.mark.parametrize(("n_var", "mutations"), [(10, 1.0), (10, 0.5), (1, 0.5), (3, 3.0)])
def test_mutation_hits_as_many_coordinates_as_told(n_var, mutations):
    hits, stream = 0, np.empty(1, np.uint64)
    for row in range(4000):
        x = np.full(n_var, 0.5)
        kernels.open_stream(stream, 1, 0, row)
        kernels.mutate(x, mutations, 20.0, stream)
        hits += int((x != 0.5).sum())
    assert hits / 4000 == pytest.approx(mutations, rel=0.06)


TUNING = kernels.Tuning(5, 3, 15.0, 20.0, 0.5, 0.7, 0.9, 0.5, 0.3, 0.05, 0.5)


@settings(max_examples=60)
@given(SEEDS, st.integers(1, 20), st.integers(2, 3), st.integers(0, 3), st.integers(1, 6), st.integers(0, 4), BOOL)
def test_every_behaviour_equals_the_plain_one(seed, count, n_obj, move, n_var, known, infeasible):
    rng = np.random.default_rng(seed)
    F, CV = random_rows(seed, count, n_obj)
    CV += infeasible * rng.random(count)
    school = kernels.School(
        rng.random((count, n_var)), rng.normal(size=(count, n_var)), F, CV, np.empty((count, 0)),
        np.zeros(count, np.int64), np.zeros(count), rng.integers(0, 4, count).astype(float), np.arange(count),
    )  # fmt: skip
    kernels.keep_best(school, 0, np.zeros(count, bool), count, True, False)
    brood = kernels.Brood(np.zeros((8, n_var)), np.zeros((8, n_var)), np.zeros(8, np.int64), np.zeros(8, np.int64))
    share, lengths = np.zeros(4), np.zeros(4)
    share[move], lengths[:known] = 1.0, rng.uniform(0.01, 0.5, known)
    kernels.breed(school, count, seed, 6, share, TUNING, lengths, brood, 8)
    for q in range(8):
        y, v, parent = oracle.child(school, count, share, TUNING, lengths, oracle.Stream(seed, 6, q))
        assert (brood.parent[q], brood.move[q]) == (parent, move)
        np.testing.assert_allclose(brood.X[q], y, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(brood.heading[q], v, rtol=1e-12, atol=1e-12)
        assert ((brood.X[q] >= 0) & (brood.X[q] <= 1)).all()


def test_latin_hypercube_has_one_fish_in_each_cell():
    X = np.empty((17, 5))
    kernels.first_school(X, 3)
    assert (np.sort((X * 17).astype(int), axis=0) == np.arange(17)[:, None]).all()


def test_place_stays_within_bounds_and_hits_them():
    U = np.array([[0.0, 0.0], [1.0, 1.0], [0.5, 0.3]])
    X, xl, xu = np.empty((3, 3)), np.array([0.1, 2.0, -1.0]), np.array([0.7, 2.0, 1.0])
    kernels.place(U, np.array([0, 2]), xl, xu, X)
    assert (X >= xl).all()
    assert (X <= xu).all()
    np.testing.assert_allclose(X, [[0.1, 2.0, -1.0], [0.7, 2.0, 1.0], [0.4, 2.0, -0.4]])


def test_violation_by_hand():
    G, CV = np.array([[1.0, -1.0, 0.5], [-1.0, 2.0, -1e-5], [0.0, 0.0, -0.5]]), np.empty(3)
    kernels.violation(G, 2, 1e-4, CV)
    np.testing.assert_allclose(CV, [1.0 + 0.5 - 1e-4, 2.0, 0.5 - 1e-4])


def test_reward_by_hand():
    # one fish on the first layer's ends each, then a parent inside and its children
    F = np.array([[0.0, 4.0], [2.0, 0.0], [1.0, 1.0], [0.5, 0.5], [1.0, 1.0 - 1e-9], [2.0, 0.5], [0.9, 1.0]])
    school = school_of(F, np.zeros(7))
    school.rank[:3] = 0
    brood = kernels.Brood(
        np.zeros((4, 3)),
        np.array([[0.2, 0, 0], [0, 0, 0], [0, -0.3, 0], [0, 0, 0.005]]),
        np.array([2, 2, 2, 2]),
        np.array([kernels.CLONE, kernels.CLONE, kernels.SWARM, kernels.FORAGE]),
    )
    credit, lengths = np.array([0.2, 0.2, 0.2, 0.2]), np.zeros(2)
    kernels.reward(school, 3, brood, 4, credit, 0.5, 1e-4, lengths)
    # of two clones one gains more than the tolerance; nobody follows; the swarmer is worse; the forager gains 0.05
    np.testing.assert_allclose(credit, [0.35, 0.2, 0.1, 0.6])
    assert lengths.tolist() == [0.0, 0.0]  # its step was too short to remember
    assert school.tries[:3].tolist() == [0.0, 0.0, 3.0]  # two clones and a forager
    brood.move[0] = kernels.FORAGE
    kernels.reward(school, 3, brood, 1, credit, 0.5, 1e-4, lengths)
    assert lengths.tolist() == [0.2, 0.0]
    brood.heading[0] = [0, -0.4, 0]
    kernels.reward(school, 3, brood, 1, credit, 0.5, 1e-4, lengths)
    kernels.reward(school, 3, brood, 1, credit, 0.5, 1e-4, lengths)
    assert lengths.tolist() == [0.4, 0.4]


def test_gain_counts_violation_first():
    school = school_of(np.array([[1.0, 1.0], [2.0, 2.0], [0.0, 2.0]]), np.array([1.0, 0.25, 1.0]))
    width = np.array([2.0, 4.0])
    assert kernels.gain(school, 1, 0, width) == 0.75
    assert kernels.gain(school, 0, 1, width) == 0.0
    assert kernels.gain(school, 2, 0, width) == 0.0


def test_allot_by_hand():
    credit, share = np.array([0.01, 0.4, 0.9, 0.05]), np.empty(4)
    kernels.allot(credit, np.array([True, True, False, True]), 0.1, 0.1, share)
    parts = np.array([0.05, 0.4, 0.0, 0.1]) ** 1.5
    np.testing.assert_allclose(share, np.where(parts > 0, 0.1 + 0.7 * parts / parts.sum(), 0.0))
    assert credit.tolist() == [0.05, 0.4, 0.9, 0.1]  # foraging is never less hungry, cloning half of it
    kernels.allot(np.zeros(4), np.array([True, True, False, False]), 0.1, 0.0, share)
    np.testing.assert_allclose(share, [0.5, 0.5, 0.0, 0.0])


@given(SEEDS, st.integers(1, 20), st.booleans())
def test_affinities_count_the_better(seed, n, violated):
    F, CV = random_rows(seed, n, 3, coarse=True, violated=violated)
    affinity = np.empty(n)
    kernels.affinities_among(F, CV, F, CV, affinity)
    better = [sum(oracle.compare(F, CV, j, i) == 1 for j in range(n)) for i in range(n)]
    np.testing.assert_allclose(affinity, 1 / (1 + np.array(better)))


@given(SEEDS, st.integers(2, 15), st.floats(0.05, 1.0))
def test_look_around(seed, n, visual):
    rng = np.random.default_rng(seed)
    X, affinity = rng.random((n, 4)), 1.0 / rng.integers(1, 4, n)
    partners, best, centre = np.empty(n, np.int64), np.empty(n, np.int64), np.empty((n, 4))
    kernels.look_around(X, affinity, visual, partners, best, centre)
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
    kernels.concentrations(F, concentration)
    G = oracle.scaled(F)
    expected = 1 / np.array([sum(np.linalg.norm(G[i] - G[j]) for j in range(n)) for i in range(n)])
    np.testing.assert_allclose(concentration, expected, 1e-12)
    kernels.affinities_among(F, CV, F, CV, affinity)
    kernels.reproduction(affinity, concentration, 0.3, chance)
    np.testing.assert_allclose(chance, 0.3 * affinity / affinity.sum() + 0.7 / expected / (1 / expected).sum(), 1e-12)
    assert chance.sum() == pytest.approx(1.0)
