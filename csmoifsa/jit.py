"""The compile policy of every compiled function in the project: one decorator, one place.

Machine code is cached on disk where a cache folder can be written and compiled afresh where it cannot, so that a
read-only installation still works. Division follows IEEE rules (no ZeroDivisionError branches in inner loops) and
``fastmath`` stays off: results must be equal bit for bit between the compiled loop and the plain one.

A problem may offer a compiled evaluator to the engine, as ``problem.kernel`` with ``problem.kernel_data``: a function
``f(X, data, F, G)`` decorated with `jit` that reads the candidates ``X`` (n, n_var) and the problem's parameters
``data`` (k,), and fills the objectives ``F`` (n, n_obj) and the constraints ``G`` (n, n_ieq_constr + n_eq_constr;
inequalities ``<= 0`` first, then equalities ``= 0``). `EVALUATOR` is its type. Every row must be computed alone, and
nothing may be kept between calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numba import float64, njit, types
from numba.core import event

EVALUATOR = types.FunctionType(
    types.void(float64[:, ::1], float64[::1], float64[:, ::1], float64[:, ::1]),
)


@contextmanager
def watch_compilation(notify: Callable[[], None]) -> Iterator[None]:
    """Call ``notify`` once if anything has to be compiled in this block; code that comes from the cache is silent."""

    class Listener(event.Listener):
        told = False

        def on_start(self, event: Any) -> None:
            if not self.told:
                self.told = True
                notify()

        def on_end(self, event: Any) -> None:
            pass

    with event.install_listener("numba:compile", Listener()):
        yield


def jit(*signature: Any, **options: Any) -> Callable[..., Any]:
    """Compile a scalar-loop function; cache it on disk if that is possible.

    Use as ``@jit`` or, with an explicit signature, as ``@jit(signature)``.
    """
    if len(signature) == 1 and callable(signature[0]) and not isinstance(signature[0], types.Type):
        return jit()(signature[0])

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        try:
            return njit(*signature, cache=True, error_model="numpy", **options)(function)
        except RuntimeError:  # numba found no folder where it may write its cache
            return njit(*signature, error_model="numpy", **options)(function)

    return decorate
