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
from functools import cached_property, lru_cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Annotated, Any, get_args, get_type_hints

import numpy as np
from llvmlite.binding import ModuleRef, parse_bitcode
from numba import boolean, float64, int64, njit, types, uint64
from numba.core import event
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile, NullCache
from numba.core.codegen import CPUCodegen, JITCodeLibrary
from numba.core.compiler import Compiler, CompileResult, compile_result
from numba.core.cpu import CPUContext
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
                vars(compiled)["_cache"] = LazyCache(function)
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

    def callee(name: str) -> Callable[..., object]:
        def answer(*arguments: object) -> object:  # made at its first use: most runs compile nothing
            bare = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
            made = njit(**bare, pipeline_class=CalleeCompiler, **options)(compiled.py_func)
            vars(compiled).update(get_call_template=made.get_call_template, get_overload=made.get_overload)
            return getattr(made, name)(*arguments)

        return answer

    vars(compiled).update({name: callee(name) for name in ("get_call_template", "get_overload")})


# --------------------------------------------------------------------------------------------------------------- cache
class Loaded(JITCodeLibrary):
    """Machine code from the cache; the intermediate code beside it is read only if another function links it."""

    def __init__(self, codegen: CPUCodegen, name: str, machine_code: bytes, bitcode: bytes, symbols: frozenset[str]):
        super().__init__(codegen, name)
        self._bitcode = bitcode
        self.enable_object_caching()
        self._set_compiled_object(machine_code)
        self._finalize_final_module()
        codegen._engine._defined_symbols |= symbols

    def _get_module_for_linking(self) -> ModuleRef:
        if self._shared_module is None:
            self._shared_module = parse_bitcode(self._bitcode)
        return self._shared_module


class SlimCode(CompileResultCacheImpl):
    """How a compiled function is written to the cache: without what loading would read in vain."""

    def reduce(self, cres: CompileResult) -> tuple[object, ...]:
        """Return what is kept of a compiled function.

        numba keeps an environment for each function that was inlined, and imports all their modules when it loads the
        machine code. Those that the code does not mention are left out.
        """
        (name, _, code), *middle, environments = cres._reduce()
        shared = cres.library._get_module_for_linking()
        symbols = [
            one.name for table in (shared.functions, shared.global_variables) for one in table if not one.is_declaration
        ]
        text = str(shared)
        used = tuple(one for one in environments if text.count(one.env_name) > 1)  # once: where it is declared
        return (name, *code, frozenset(symbols)), *middle, used

    def rebuild(self, target_context: CPUContext, payload: tuple[Any, ...]) -> CompileResult:
        """Return the compiled function of what `reduce` kept."""
        library, description, environment, signature, objectmode, lifted, types_text, reload_init, used = payload
        for function in reload_init:
            function()
        codegen = target_context.codegen()
        loaded = Loaded(codegen, *library)
        for one in used:
            codegen.set_env(one.env_name, one)
        return compile_result(
            typing_context=target_context.typing_context, target_context=target_context, library=loaded,
            entry_point=target_context.get_executable(loaded, description, environment), environment=environment,
            fndesc=description, signature=signature, objectmode=objectmode, lifted=lifted, type_annotation=types_text,
            reload_init=reload_init, referenced_envs=used,
        )  # fmt: skip


class KernelCache(FunctionCache):
    """numba's cache on disk, renewed when any of the function's `kernel_files` changes.

    Parameters
    ----------
    function : function
        The function whose machine code is kept.
    stamp : tuple
        Names and hashes of its `kernel_files` when the function was defined.

    Raises
    ------
    RuntimeError
        numba found no folder where it may write.
    """

    _impl_class = SlimCode

    def __init__(self, function: FunctionType, stamp: tuple[tuple[str, str, str], ...]):
        super().__init__(function)
        source = self._impl.locator.get_source_stamp(), stamp
        self._cache_file = IndexDataCacheFile(self._cache_path, self._impl.filename_base, source)

    def load_overload(self, sig: object, target_context: CPUContext) -> CompileResult | None:
        """Return machine code from the file, None where there is none.

        numba would import all its rules of compilation first, half of the time of a short run. Machine code needs the
        functions that allocate arrays only; the rules are imported where something has to be compiled.
        """
        rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)


class LazyCache(NullCache):
    """A `KernelCache` that looks for its folder when it is first used, and none where no folder can be written.

    The hashes of the sources are taken when the function is defined: a file that changes later does not belong to it.
    """

    def __init__(self, function: FunctionType):
        self.function, self.stamp = function, stamp_of(kernel_files(function))

    @cached_property
    def found(self) -> FunctionCache | NullCache:
        """The cache on disk."""
        with suppress(RuntimeError):  # numba found no folder where it may write its cache
            return KernelCache(self.function, self.stamp)
        return NullCache()

    @property
    def cache_path(self) -> str | None:
        """The folder of the cache, None without one."""
        return self.found.cache_path

    def load_overload(self, sig: object, target_context: CPUContext) -> CompileResult | None:
        """Return the function compiled for a signature, None where there is none."""
        return self.found.load_overload(sig, target_context)

    def save_overload(self, sig: object, cres: CompileResult) -> None:
        """Keep a function compiled for a signature."""
        self.found.save_overload(sig, cres)


def kernel_files(function: FunctionType) -> tuple[Path, ...]:
    """Return the files that a function's machine code may depend on, sorted.

    These are the function's own file, all kernels of its package, all kernels of the packages from which its module
    imports compiled functions, and the engine's kernels. Kernels of a package are its files ``kernels.py`` and those
    in folders ``kernels``.
    """
    modules = {function.__module__ or "", __name__}  # one made by exec has no module
    for value in function.__globals__.values():
        if isinstance(value, Dispatcher):
            modules.add(value.py_func.__module__)
        elif isinstance(value, ModuleType) and "kernels" in value.__name__.split("."):
            modules.add(value.__name__)
    return files_of(function.__code__.co_filename, frozenset(name.partition(".")[0] for name in modules))


@lru_cache
def files_of(own: str, packages: frozenset[str]) -> tuple[Path, ...]:
    """Return the files of kernels of packages, and a function's ``own``, sorted; those that exist."""
    files = {Path(own)}.union(*map(kernels_of, packages))
    return tuple(sorted(path for path in files if path.is_file()))


@lru_cache
def stamp_of(files: tuple[Path, ...]) -> tuple[tuple[str, str, str], ...]:
    """Return folder, name and hash of each file."""
    return tuple((path.parent.name, path.name, digest(path)) for path in files)


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
