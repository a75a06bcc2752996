"""True Pareto fronts of problems, computed offline and reproducibly, with a chosen number of points.

pymoo's `Problem.pareto_front` caches its first result whatever its arguments were, has another keyword in each family,
downloads some fronts and draws others at random. `true_front` avoids all of this.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from math import comb
from pathlib import Path
from typing import TYPE_CHECKING

import moocore
import numpy as np

if TYPE_CHECKING:
    from pymoo.core.problem import Problem

    from csmoifsa.typing import ArrayLike


def true_front(problem: Problem, n_points: int = 1000) -> np.ndarray | None:
    """Return points of a problem's true Pareto front, or None where it is not known on this machine.

    Parameters
    ----------
    problem : pymoo.core.problem.Problem
        A problem of pymoo's or of this package.
    n_points : int
        Number of points; approximate where the family's construction fixes it (a lattice), and without effect where
        the problem has a fixed number of points.

    Returns
    -------
    (k, n_obj) array or None
        Mutually non-dominated points, in lexicographic order of the objectives.
    """
    with _no_downloads(), np.errstate(all="ignore"):  # MW6 divides by its first objective, which may be 0
        try:
            points = _calculate(problem, n_points)
        except OSError:  # a download that has not been made
            return None
    if points is None or np.size(points) == 0:
        return None
    points = np.atleast_2d(np.asarray(points, dtype=float))
    return np.unique(points[moocore.is_nondominated(points, keep_weakly=True)], axis=0)


def _calculate(problem: Problem, n_points: int) -> ArrayLike | None:
    family = type(problem).__name__ if type(problem).__module__.startswith("pymoo.problems.many.") else ""
    if family in ("DTLZ5", "DTLZ6"):
        return _dtlz5(problem.n_obj, n_points)
    if family == "DTLZ7":
        return _dtlz7(problem.n_obj, n_points)
    if family.startswith("WFG"):
        return _wfg(int(family[3:]), problem.n_obj, n_points)
    if "n_points" in inspect.signature(problem.pareto_front).parameters:  # overridden without pymoo's cache
        return problem.pareto_front(n_points=n_points)
    parameters = inspect.signature(problem._calc_pareto_front).parameters
    arguments: dict[str, int | np.ndarray] = {}
    for name in ("n_points", "n_pareto_points"):
        if name in parameters:
            arguments[name] = n_points
    if "ref_dirs" in parameters:
        arguments["ref_dirs"] = _lattice(problem.n_obj, n_points)
    return problem.pareto_front(use_cache=False, set_cache=False, **arguments)


def _lattice(n_obj: int, n_points: int) -> np.ndarray:
    """Return the Das-Dennis lattice with at least ``n_points`` points, (k, n_obj)."""
    from pymoo.util.ref_dirs import get_reference_directions

    partitions = next(p for p in range(1, n_points + 1) if comb(p + n_obj - 1, n_obj - 1) >= n_points)
    return get_reference_directions("das-dennis", n_obj, n_partitions=partitions)


def _dtlz5(n_obj: int, n_points: int) -> np.ndarray:
    """Return the curve of DTLZ5 and DTLZ6: all angles but the first are pi/4 (Deb et al. 2005, section 8.5)."""
    angle = np.linspace(0, np.pi / 2, n_points)
    step = np.cos(np.pi / 4)
    columns = [np.cos(angle) * step ** (n_obj - 2)]
    columns += [np.cos(angle) * step ** (n_obj - 1 - i) for i in range(1, n_obj - 1)]
    return np.column_stack([*columns, np.sin(angle)])


def _dtlz7(n_obj: int, n_points: int) -> np.ndarray:
    """Return DTLZ7's pieces at g = 1 (Deb et al. 2005, section 8.7).

    The last objective is 2 (m - sum of f/2 (1 + sin 3 pi f)), a sum over the others, so a point is on the front when
    each of them is non-dominated against its own term; those are found on a fine grid and combined.
    """
    f = np.linspace(0, 1, 100_001)
    term = f / 2 * (1 + np.sin(3 * np.pi * f))
    f = f[term > np.concatenate([[-1.0], np.maximum.accumulate(term)[:-1]])]
    f = f[np.linspace(0, len(f) - 1, int(np.ceil(n_points ** (1 / (n_obj - 1))))).astype(int)]
    first = np.stack(np.meshgrid(*[f] * (n_obj - 1), indexing="ij"), axis=-1).reshape(-1, n_obj - 1)
    return np.column_stack([first, 2 * (n_obj - np.sum(first / 2 * (1 + np.sin(3 * np.pi * first)), axis=1))])


def _wfg(number: int, n_obj: int, n_points: int) -> np.ndarray | None:
    """Return the front of a WFG problem from its shape functions (Huband et al. 2006, table X), f_m = 2 m h_m.

    pymoo draws optimal candidates at random instead: another front at every call, without its ends on WFG4 and 9, and
    0.07 too high on WFG1, whose bias amplifies the last rounding error. WFG3 is a line for two objectives; for more its
    front is not the intended line (Ishibuchi et al. 2016), so None is returned.
    """
    size = 2.0 * np.arange(1, n_obj + 1)
    if number >= 4:  # concave: an ellipsoid
        directions = _lattice(n_obj, n_points)
        return size * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    if number == 3:
        x = np.linspace(0, 1, n_points)
        return size * np.column_stack([x, 1 - x]) if n_obj == 2 else None
    # The last objective is a function of the first variable alone, and all others rise with it: the front has those of
    # its values that are less than any before.
    first = np.linspace(0, 1, 100_001)
    if number == 1:
        last = 1 - first - np.cos(10 * np.pi * first + np.pi / 2) / (10 * np.pi)
    else:
        last = 1 - first * np.cos(5 * np.pi * first) ** 2
    better = last < np.concatenate([[np.inf], np.minimum.accumulate(last)[:-1]])
    first, last = first[better], last[better]
    if n_obj == 2:
        return _thin(size * np.column_stack([1 - np.cos(first * np.pi / 2), last]), n_points)
    count = int(np.ceil(n_points ** (1 / (n_obj - 1))))
    chosen = np.linspace(0, len(first) - 1, count).astype(int)
    axes = [np.arange(count), *[np.linspace(0, 1, count)] * (n_obj - 2)]
    x = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, n_obj - 1)
    tip = last[chosen[x[:, 0].astype(int)]]
    x[:, 0] = first[chosen[x[:, 0].astype(int)]]
    rise, fall = 1 - np.cos(x * np.pi / 2), 1 - np.sin(x * np.pi / 2)
    columns = [np.prod(rise[:, : n_obj - m], axis=1) * (fall[:, n_obj - m] if m > 1 else 1.0) for m in range(1, n_obj)]
    return size * np.column_stack([*columns, tip])


def _thin(points: np.ndarray, n_points: int) -> np.ndarray:
    """Return at most ``n_points`` rows of a dense front (k, 2), evenly spaced along it."""
    step = np.linalg.norm(np.diff(points, axis=0), axis=1)
    step[step > 20 * np.median(step)] = 0  # a gap between pieces holds no points
    along = np.concatenate([[0], np.cumsum(step)])
    return points[np.unique(np.searchsorted(along, np.linspace(0, along[-1], n_points)))]


@contextmanager
def _no_downloads() -> Iterator[None]:
    """Make pymoo raise ``FileNotFoundError`` for fronts that it would download; those on this machine are read."""
    from pymoo.util.remote import Remote

    remote = Remote.get_instance()

    def load(*path: str, **options: str) -> object:
        if not Path(str(remote.folder), *path).exists():
            raise FileNotFoundError("/".join(path))
        return Remote.load(remote, *path, **options)

    remote.load = load  # type: ignore[method-assign]
    try:
        yield
    finally:
        del remote.load
