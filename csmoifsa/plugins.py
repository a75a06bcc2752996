"""Problems, algorithms and commands by name: registered through entry points, written in any file, or pymoo's own.

A package registers with one entry point per group (``csmoifsa.problems``, ``csmoifsa.algorithms``,
``csmoifsa.commands``) that names a dict: name -> class, factory, or a string ``"module:Class"`` that is imported only
at its first use. A name may also map to an `InputError` that explains why it is unavailable. A package that cannot be
loaded causes a warning; the other packages still load.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import pkgutil
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from csmoifsa.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    from pymoo.core.algorithm import Algorithm
    from pymoo.core.problem import Problem
    from typer import Typer
    from typer.core import TyperCommand, TyperGroup

    Command: TypeAlias = TyperCommand | TyperGroup

ASKED = "asked_for"  # name of the attribute in which `load_problem` stores a problem's parameters
ALGORITHMS = {"csmoifsa": "csmoifsa.algorithm:CSMOIFSA", "moafsa": "csmoifsa.algorithm:MOAFSA"}

# pymoo's own multi-objective problems that need no arguments, for messages and listings; others load by name too.
PYMOO_PROBLEMS = (
    *("bnh", "carside", "kursawe", "osy", "srn", "tnk", "truss2d", "welded_beam"),
    *(f"ctp{i}" for i in range(1, 9)),
    *(f"dtlz{i}" for i in range(1, 8)),
    *("c1dtlz1", "c1dtlz3", "c2dtlz2", "c3dtlz1", "c3dtlz4", "sdtlz1"),
    *(f"mw{i}" for i in range(1, 15)),
    *(f"wfg{i}" for i in range(1, 10)),
)
# pymoo asks for the size of these; the usual two-objective setting (Huband et al. 2006, section X: 4 + 20 variables).
_PYMOO_DEFAULTS = {f"wfg{i}": {"n_var": 24, "n_obj": 2} for i in range(1, 10)}
# At the upper bound of these a square root gets a rounding error below zero: the bound is lowered by a billionth.
_PYMOO_ROUNDED = ("mw6", "mw11")
_PYMOO_UNFIT = {
    "pinsga2": "asks a person while it runs",
    "dnsga2": "is for problems that change over time",
    "rnsga2": "needs reference points",
    "rnsga3": "needs reference points",
}
# arguments of a run, not settings of the algorithm
_RUN_PARAMETERS = {"termination", "output", "display", "callback", "archive", "seed", "verbose", "evaluator"}
_RUN_PARAMETERS |= {"save_history", "pop_size", "ref_dirs"}


def problem_names() -> list[str]:
    """Return the names of all registered problems, sorted."""
    return _names(_registered("csmoifsa.problems")[0])


def load_problem(spec: str, /, **params: object) -> Problem:
    """Build a problem.

    Parameters
    ----------
    spec : str
        A registered name (``"zdt4-shifted"``), ``"package.module:Class"``, ``"path/file.py:Class"``, or the name of one
        of pymoo's problems (``"dtlz2"``), in this order.
    **params
        Arguments of the class or factory.

    Raises
    ------
    InputError
        There is no problem of that name, a parameter is unknown or refused, or a plugin cannot be loaded.
    """
    from pymoo.core.problem import Problem

    label = f"problem {spec!r}"
    target = _find("csmoifsa.problems", "problem", spec, fallback=_pymoo_problem, others=PYMOO_PROBLEMS)
    if isinstance(target, Problem) and not params:
        return target
    problem = _build(label, target, params)
    if not isinstance(problem, Problem):
        raise InputError(f"{label} is of type {type(problem).__name__}, not a pymoo.core.problem.Problem")
    setattr(problem, ASKED, params)
    return problem


def algorithm_names() -> list[str]:
    """Return the names of all registered algorithms and of pymoo's multi-objective ones, sorted."""
    return sorted({*_names(_registered("csmoifsa.algorithms")[0]), *_pymoo_algorithms()})


def load_algorithm(spec: str, /, *, problem: Problem, pop_size: int = 100, **settings: object) -> Algorithm:
    """Build an algorithm.

    Parameters
    ----------
    spec : str
        A registered name (``"csmoifsa"``), ``"package.module:Class"``, ``"path/file.py:Class"``, or the name of one of
        pymoo's multi-objective algorithms (``"nsga2"``).
    problem : Problem
        Problem to solve: algorithms that use reference directions get ``pop_size`` of them, evenly spread over its
        objectives.
    pop_size : int
        Individuals in the population, at least 2.
    **settings
        Arguments of the class.

    Raises
    ------
    InputError
        There is no algorithm of that name, or a setting is unknown or refused.
    """
    if isinstance(pop_size, bool) or not isinstance(pop_size, int) or pop_size < 2:
        raise InputError(f"pop_size must be a whole number of at least 2, got {pop_size!r}")
    label = f"algorithm {spec!r}"
    if reason := _PYMOO_UNFIT.get(spec.lower()):
        raise InputError(f"{label} {reason}; choose another one (csmoifsa list)")
    target = _find(
        "csmoifsa.algorithms",
        "algorithm",
        spec,
        fallback=lambda name: _pymoo_algorithms().get(name.replace("_", "-")),
        others=lambda: _pymoo_algorithms(),
    )
    for name in settings.keys() & _RUN_PARAMETERS:
        raise InputError(f"{label}: {name} is not a setting of the algorithm")
    own = inspect.signature(target).parameters
    sizes: dict[str, object] = {}
    if "ref_dirs" in own:
        sizes["ref_dirs"] = reference_directions(problem.n_obj, pop_size)
    if "pop_size" in own or ("ref_dirs" not in own and _takes_anything(own)):
        sizes["pop_size"] = pop_size
    return _build(label, target, settings, **sizes)


def reference_directions(n_obj: int, n_points: int) -> np.ndarray:
    """Return exactly ``n_points`` reference directions, (n_points, n_obj), evenly spread over the unit simplex.

    Das and Dennis's lattice (1998) where one of that size exists, else points of least Riesz energy (Blank 2021).
    """
    return _directions(n_obj, n_points).copy()


@cache  # points of least energy take many seconds, and every run of a campaign asks for the same
def _directions(n_obj: int, n_points: int) -> Any:
    from math import comb

    from pymoo.util.ref_dirs import get_reference_directions

    partitions = 1
    while comb(partitions + n_obj - 1, n_obj - 1) < n_points:
        partitions += 1
    if comb(partitions + n_obj - 1, n_obj - 1) == n_points:
        return get_reference_directions("das-dennis", n_obj, n_partitions=partitions)
    return get_reference_directions("energy", n_obj, n_points, seed=1)


def command_names() -> list[str]:
    """Return the names of the commands that plugins register, sorted."""
    return _names(_registered("csmoifsa.commands")[0])


def load_command(name: str) -> Command | Typer | FunctionType:
    """Return the typer application or click command that a plugin registered as ``name``."""
    return _find("csmoifsa.commands", "command", name)


def load_object(spec: str, kind: str) -> Any:
    """Return the object at ``module:name`` or ``path/file.py:name``; messages call it a ``kind``."""
    return _import_own(spec, f"{kind} {spec!r}")


def refuse_code(kind: str, spec: str, place: str) -> None:
    """Refuse a name from a file that would run code other than that of an installed plugin.

    Call it before a name from a file reaches `load_problem`, `load_algorithm` or `load_object`, unless the user chose
    ``--trust``. A name that the user typed needs no such call.

    Parameters
    ----------
    kind : str
        Kind of object that the name denotes, such as ``problem``, ``algorithm`` or ``forecaster``.
    spec : str
        Name to check.
    place : str
        File and key where it was found.

    Raises
    ------
    InputError
        The name is of the form ``module:Name`` or ``file.py:Name``, and no plugin registered it.
    """
    if ":" in spec and spec.lower() not in _registered(f"csmoifsa.{kind}s")[0]:
        raise InputError(
            f"{place}: the {kind} {spec!r} is code that would be run, not one of an installed package; "
            "if you trust whoever wrote this, run the same command with --trust"
        )


def describe(name: str) -> str:
    """Return the first line of the docstring of a registered problem or factory, without its full stop."""
    target = _find("csmoifsa.problems", "problem", name)
    return (inspect.getdoc(target) or "").partition("\n")[0].rstrip(".")


# ---- finding ----


def _registered(group: str) -> tuple[dict[str, tuple[object, str]], list[str]]:
    """Return name -> (target, package) of a group, and one sentence for each package that could not be loaded."""
    found: dict[str, tuple[object, str]] = {}
    broken: list[str] = []

    def complain(sentence: str) -> None:
        broken.append(sentence)
        warnings.warn(sentence, RuntimeWarning, stacklevel=4)

    for package, entry in _entries(group, tuple((place, _changed(place)) for place in sys.path)):
        try:
            names = entry.load()
        except Exception as error:  # a plugin may raise anything at its import
            complain(f"plugin {package!r} cannot be loaded: {type(error).__name__}: {error}")
            continue
        if not isinstance(names, Mapping):
            complain(f"plugin {package!r}: its {group} entry point {entry.value!r} is not a dict of names")
            continue
        for name, target in names.items():
            if name in found:
                complain(f"plugin {package!r}: its {name!r} is ignored, {found[name][1]!r} has one of that name")
            else:
                found[name] = (target, package)
    return found, broken


@cache
def _entries(group: str, places: tuple[tuple[str, int], ...]) -> list[tuple[str, EntryPoint]]:
    """Return (package, entry point) of a group."""
    entries = [(_package(entry), entry) for entry in _all_entries(places).select(group=group)]
    # this package first, so that no plugin replaces its zdt1
    return sorted(entries, key=lambda pair: (pair[0] != "csmoifsa", pair[0], pair[1].name))


@cache
def _all_entries(places: tuple[tuple[str, int], ...]) -> EntryPoints:
    """Return the entry points of all installed packages, whose metadata are read for it.

    ``places`` are the folders of the search path and the times of their last change, so that a package installed
    meanwhile is found.
    """
    return cast("EntryPoints", entry_points())  # in Python 3.11 of another type with the same method


def _changed(place: str) -> int:
    """Return the time of the last change of a folder or file [ns], 0 if there is none."""
    try:
        return os.stat(place or os.curdir).st_mtime_ns
    except OSError:
        return 0


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else entry.module


def _names(registered: Mapping[str, tuple[object, str]]) -> list[str]:
    return sorted(name for name, (target, _) in registered.items() if not isinstance(target, InputError))


def _find(
    group: str,
    kind: str,
    spec: str,
    fallback: Callable[[str], object] = lambda name: None,
    others: Iterable[str] | Callable[[], Iterable[str]] = (),
) -> Any:
    """Return the object that ``spec`` names: registered, at ``module:name`` or ``file.py:name``, or one of pymoo's."""
    name = spec.lower()
    registered, broken = _registered(group)
    if name in registered:
        target, package = registered[name]
        if isinstance(target, InputError):
            raise target
        return _import(target, f"{kind} {spec!r} of plugin {package!r}") if isinstance(target, str) else target
    if ":" in spec:
        return _import_own(spec, f"{kind} {spec!r}")
    if (target := fallback(name)) is not None:
        return target
    known = sorted({*_names(registered), *(others() if callable(others) else others)})
    hint = did_you_mean(name, known) or " See them all with: csmoifsa list. Your own: file.py:Class or module:Class."
    raise InputError(f"there is no {kind} {spec!r}.{hint}" + "".join(f" Note: {sentence}." for sentence in broken))


def _import_own(spec: str, label: str) -> object:
    """Import an object that the user named; its module may lie in the working folder, which is searched last.

    Such a call adds that folder to the search path. Before it, a file there cannot replace a missing package.
    """
    if not spec.rpartition(":")[0].endswith(".py") and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    return _import(spec, label)


def _import(spec: str, label: str) -> object:
    """Return the object at ``module:attribute`` or ``path/file.py:attribute``."""
    where, _, attribute = spec.rpartition(":")
    if not where or not attribute.isidentifier():
        raise InputError(f"{label} is not of the form module:Class or path/file.py:Class")
    try:
        module = _import_file(Path(where)) if where.endswith(".py") else importlib.import_module(where)
    except FileNotFoundError:
        raise InputError(f"{label}: there is no file {where}") from None
    except Exception as error:  # the file may raise anything at its import
        raise InputError(f"{label} cannot be loaded: {type(error).__name__}: {error}") from error
    if not hasattr(module, attribute):
        hint = did_you_mean(attribute, [n for n in vars(module) if not n.startswith("_")])
        raise InputError(f"{label}: {where} has no {attribute}.{hint}")
    return getattr(module, attribute)


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise FileNotFoundError(path)
    name = f"csmoifsa_file_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look their module up here
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _pymoo_problem(name: str) -> Callable[..., Problem] | None:
    """Return a factory for one of pymoo's problems, or None if it has none of that name."""
    import numpy as np
    from pymoo.problems import get_problem

    def factory(**params: object) -> Problem:
        problem = get_problem(name, **{**_PYMOO_DEFAULTS.get(name, {}), **params})
        _check_names(type(problem), params)  # pymoo ignores unknown names
        if name.lower() in _PYMOO_ROUNDED:
            problem.xu = np.asarray(problem.xu) * (1.0 - 1e-9)
        return problem

    try:
        get_problem(name, **_PYMOO_DEFAULTS.get(name, {}))
    except Exception as error:
        if str(error) == "Problem not found.":
            return None
        # other errors (a missing parameter or package) are raised when the problem is built
    return factory


@cache
def _pymoo_algorithms() -> dict[str, type[Algorithm]]:
    """Return name -> class of pymoo's multi-objective algorithms that need no argument but a population size."""
    from pymoo.algorithms import moo
    from pymoo.core.algorithm import Algorithm

    found = {}
    for info in pkgutil.iter_modules(moo.__path__):
        try:
            module = importlib.import_module(f"{moo.__name__}.{info.name}")
        except ImportError:  # needs a package that pymoo does not require
            continue
        for name, value in vars(module).items():
            own = inspect.isclass(value) and issubclass(value, Algorithm) and value.__module__ == module.__name__
            if own and name.lower() not in _PYMOO_UNFIT:
                found[name.lower().replace("_", "-")] = value
    return found


# ---- building ----


def _build(label: str, target: object, params: Mapping[str, object], **more: object) -> Any:
    """Call a class or factory; raise `InputError` with one sentence for unknown or refused parameters."""
    if not callable(target):
        raise InputError(f"{label} is of type {type(target).__name__}, not a class or a factory")
    try:
        _check_names(target, params)
        return target(**more, **params)
    except InputError as error:
        raise InputError(f"{label}: {error}") from error
    except (TypeError, ValueError, ArithmeticError, AttributeError) as error:
        values = ", ".join(f"{name}={value!r}" for name, value in params.items()) or "no parameters"
        raise InputError(f"{label} cannot be built with {values}: {type(error).__name__}: {error}") from error


def _check_names(target: Callable[..., object], params: Mapping[str, object]) -> None:
    accepted = _accepted(target)
    for name in params:
        if accepted is not None and name not in accepted:
            hint = did_you_mean(name, list(accepted)) or f" It takes: {', '.join(accepted) or 'none'}."
            raise InputError(f"unknown parameter {name!r}.{hint}")


def _accepted(target: Callable[..., object]) -> list[str] | None:
    """Return the parameter names of a class or factory, or None if it accepts any name and checks them itself.

    The parameters of base classes count where a class passes ``**kwargs`` to them. pymoo's base classes accept and
    ignore any name, so the list ends there.
    """
    if not inspect.isclass(target):
        parameters = inspect.signature(target).parameters
        return None if _takes_anything(parameters) else _keywords(parameters)
    names: list[str] = []
    for cls in target.__mro__:
        if "__init__" not in vars(cls):
            continue
        base = cls.__module__ in ("pymoo.core.problem", "pymoo.core.algorithm")
        if base and cls.__name__ == "Algorithm" and not target.__module__.startswith("pymoo."):
            return None
        parameters = inspect.signature(cls.__init__).parameters
        if not (base and names):
            names += [n for n in _keywords(parameters) if n not in names]
        if base or not _takes_anything(parameters):
            break
    return names


def _keywords(parameters: Mapping[str, inspect.Parameter]) -> list[str]:
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [name for name, p in parameters.items() if p.kind in kinds and name != "self"]


def _takes_anything(parameters: Mapping[str, inspect.Parameter]) -> bool:
    return any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
