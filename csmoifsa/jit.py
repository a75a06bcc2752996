"""The compile policy of every compiled function in the project: one decorator, one place.

Machine code is cached on disk where a cache folder can be written and compiled afresh where it cannot, so that a
read-only installation still works. Division follows IEEE rules (no ZeroDivisionError branches in inner loops) and
``fastmath`` stays off: results must be equal bit for bit between the compiled loop and the plain one.

numba's own cache of a function is renewed when the function's file changes, but not when a function that it calls does.
Here the cache belongs to the text of all files of kernels that can take part: see `kernel_files`.

A problem may offer a compiled evaluator to the engine, as ``problem.kernel`` with ``problem.kernel_data``: a function
``f(X, data, F, G)`` decorated with `jit` that reads the candidates ``X`` (n, n_var) and the problem's parameters
``data`` (k,), and fills the objectives ``F`` (n, n_obj) and the constraints ``G`` (n, n_ieq_constr + n_eq_constr;
inequalities ``<= 0`` first, then equalities ``= 0``). `EVALUATOR` is its type. Every row must be computed alone, and
nothing may be kept between calls.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Annotated, Any, get_args, get_type_hints

import numpy as np
from numba import boolean, float64, int64, njit, types, uint64
from numba.core import event
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.dispatcher import Dispatcher
from numba.core.runtime.nrt import rtsys

Matrix = Annotated[np.ndarray, float64[:, ::1]]
Vector = Annotated[np.ndarray, float64[::1]]
Indices = Annotated[np.ndarray, int64[::1]]
Flags = Annotated[np.ndarray, boolean[::1]]
Stream = Annotated[np.ndarray, uint64[::1]]  # state of a random stream, see csmoifsa.kernels.random

EVALUATOR = types.FunctionType(types.void(*get_args(Matrix)[1:], *get_args(Vector)[1:], *get_args(Matrix)[1:] * 2))


def record_type(kind: Any) -> Any:
    """Return the numba type of an annotation: int, float, bool, an alias above, or a NamedTuple of those."""
    if hasattr(kind, "_fields"):
        hints = get_type_hints(kind, include_extras=True)
        return types.BaseTuple.from_types([record_type(hints[name]) for name in kind._fields], kind)
    return {int: int64, float: float64, bool: boolean}[kind] if isinstance(kind, type) else get_args(kind)[1]


# ----------------------------------------------------------------------------------------------------------- decorator
def jit(*signature: Any, cache: bool = True, borrows: bool = False, **options: Any) -> Callable[..., Any]:
    """Compile a scalar-loop function; cache it on disk if that is possible.

    Use as ``@jit`` or, with an explicit signature, as ``@jit(signature)``. A kernel that makes no array and returns
    none is marked ``borrows=True``: it works on arrays that its caller holds, so compiled callers need not count
    references to them, which takes several times as long as a comparison of two rows. Kernels that take named tuples
    of arrays and are called from one or two places use ``@jit(forceinline=True)``: a call would pass a hundred numbers
    and count the references to twenty arrays, which costs more than what the kernel does.
    """
    if len(signature) == 1 and callable(signature[0]) and not isinstance(signature[0], types.Type):
        return jit()(signature[0])

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        compiled = njit(error_model="numpy", **options)(function)
        if isinstance(compiled, Dispatcher):  # a plain function where compilation is switched off
            if cache:
                with suppress(RuntimeError):  # numba found no folder where it may write its cache
                    vars(compiled)["_cache"] = KernelCache(function)
            if "inline" not in options:
                compile_for_callers(compiled, options | {"_nrt": not borrows})
            for one in signature:
                compiled.compile(one)
            if signature:
                compiled.disable_compile()
        return compiled

    return decorate


# ------------------------------------------------------------------------------------------------------------- callees
class Callee(JITCodeLibrary):
    """A function's intermediate code, neither optimised nor translated: its callers do both with their own code."""

    def finalize(self) -> None:
        """Link what the function calls to its code, and leave it at that."""
        for library in dict.fromkeys(self._linking_libraries):
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """Return numba's sign for "no machine code"."""
        return 0

    @property
    def codegen(self) -> Any:
        """The object whose `set_env` is called."""
        return self

    def set_env(self, name: str, env: Any) -> None:
        """Do nothing: numba would write an address into machine code."""


class CalleeCompiler(Compiler):
    """numba's compiler with a `Callee` as its result."""

    def define_pipelines(self) -> Any:
        """Return numba's own passes, after setting where they put their result."""
        self.state.library = Callee(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
        return super().define_pipelines()


def compile_for_callers(compiled: Dispatcher, options: dict[str, Any]) -> None:
    """Let other compiled functions call ``compiled`` as a `Callee`.

    numba would optimise it, translate it and wrap it for Python on its own, and then do so again in each caller and in
    each caller of a caller: a third of the time of a first compile. A kernel must not call itself.
    """
    bare = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    callee = njit(**bare, pipeline_class=CalleeCompiler, **options)(compiled.py_func)
    vars(compiled).update(get_call_template=callee.get_call_template, get_overload=callee.get_overload)


# --------------------------------------------------------------------------------------------------------------- cache
class KernelCache(FunctionCache):
    """numba's cache on disk, renewed when any of the function's `kernel_files` changes."""

    def __init__(self, function: FunctionType):
        super().__init__(function)
        files = tuple((path.parent.name, path.name, digest(path)) for path in kernel_files(function))
        stamp = self._impl.locator.get_source_stamp(), files
        self._cache_file = IndexDataCacheFile(self._cache_path, self._impl.filename_base, stamp)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return machine code from the file, None where there is none.

        numba would import all its rules of compilation first, half of the time of a short run. Machine code needs the
        functions that allocate arrays only; the rules are imported where something has to be compiled.
        """
        rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)


def kernel_files(function: FunctionType) -> list[Path]:
    """Return the files that a function's machine code may depend on, sorted.

    These are the function's own file, all kernels of its package, all kernels of the packages from which its module
    imports compiled functions, and the engine's kernels. Kernels of a package are its files ``kernels.py`` and those
    in folders ``kernels``.
    """
    modules = {function.__module__, __name__}
    for value in function.__globals__.values():
        if isinstance(value, Dispatcher):
            modules.add(value.py_func.__module__)
        elif isinstance(value, ModuleType) and "kernels" in value.__name__.split("."):
            modules.add(value.__name__)
    files = {Path(function.__code__.co_filename)}
    for package in {name.partition(".")[0] for name in modules}:
        files.update(kernels_of(package))
    return sorted(path for path in files if path.is_file())


@lru_cache
def kernels_of(package: str) -> tuple[Path, ...]:
    """Return the files of kernels of an imported package; none of a module that is no package."""
    folders = [Path(folder) for folder in getattr(sys.modules.get(package), "__path__", [])]
    files = [path for folder in folders for path in (*folder.rglob("kernels.py"), *folder.rglob("kernels/**/*.py"))]
    return (Path(__file__), Path(__file__).with_name("settings.py"), *files)


@lru_cache
def digest(path: Path) -> str:
    """Return a hash of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def watch_compilation(notify: Callable[[], None]) -> Iterator[None]:
    """Call ``notify`` once if anything has to be compiled in this block; code that comes from the cache is silent."""

    class Listener(event.Listener):
        notified = False

        def on_start(self, event: event.Event) -> None:
            if not self.notified:
                self.notified = True
                notify()

        def on_end(self, event: event.Event) -> None:
            pass

    with event.install_listener("numba:compile", Listener()):
        yield
