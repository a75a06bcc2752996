"""Saving a run of an `EngineAlgorithm` to a checkpoint, and an algorithm from a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from pymoo.core.problem import Problem

from csmoifsa.checkpoint import Facts, read_checkpoint, write_checkpoint
from csmoifsa.engine import Engine
from csmoifsa.errors import InputError
from csmoifsa.exchange import Exchange
from csmoifsa.identity import difference, fingerprint
from csmoifsa.operators import Operators
from csmoifsa.options import OPERATORS, PYMOO_OPTIONS
from csmoifsa.records import PREFIX, Records
from csmoifsa.requirements import refuse_unsuitable
from csmoifsa.states import LARGEST
from csmoifsa.variables import coding_of

if TYPE_CHECKING:
    from csmoifsa.algorithm import EngineAlgorithm

    Runs = TypeVar("Runs", bound=EngineAlgorithm)

NO_SETTINGS = {"sampling", "paper"}  # arguments of the constructors that no checkpoint holds


@dataclass(frozen=True)
class Saved:
    """Path, seed and engine state of a saved run: `load_run` reads them, the algorithm's set-up restores them."""

    path: Path
    seed: int
    state: dict[str, np.ndarray]
    records: Records
    n_eval: int  # -1 where the checkpoint does not say
    n_discarded: int
    preferring: bool


def save_run(algorithm: EngineAlgorithm, engine: Engine, exchange: Exchange, path: str | Path) -> None:
    """Write the state of a run and what it belongs to; see `EngineAlgorithm.save`."""
    facts = {
        "engine": type(engine).__name__,
        "settings": engine.describe(),
        "seed": engine.seed,
        "problem": fingerprint(exchange.problem),
        "operators": algorithm.operators.names(),
        "n_eval": int(algorithm.evaluator.n_eval),
        "n_discarded": exchange.n_discarded,
        "generation_size": algorithm.generation_size,
        "preferring": exchange.preferring,
    }
    write_checkpoint(path, facts, engine.state | exchange.records.arrays())


def load_run(kind: type[Runs], path: str | Path, problem: Problem, operators: Mapping[str, Any]) -> Runs:
    """Return an algorithm of class ``kind`` that goes on with a saved run; see `EngineAlgorithm.load`."""
    refuse_unsuitable(problem)
    facts, arrays = read_checkpoint(path)
    for name, of in {"settings": dict, "engine": str, "seed": int, "problem": dict}.items():
        if type(facts.get(name)) is not of:
            raise InputError(f"{path} lacks {name!r} or holds another kind of value there: it is of another version")
    if other := difference(facts["problem"], fingerprint(problem)):
        raise InputError(f"{path} is of another problem: {other}")
    algorithm = _restored(kind, path, facts, operators)
    low, high = coding_of(problem).bounds
    width = max(int(np.sum(high > low)), 1)
    # before anything is allocated: the file must hold as many rows as its settings ask for
    rows = max(algorithm.pop_size, getattr(algorithm.settings, "n_offsprings", 0))
    shape = arrays["offspring_X"].shape if "offspring_X" in arrays else ()
    if len(shape) != 2 or shape[0] < rows or shape[1] != width:
        raise InputError(f"{path} holds no rows for a population of {algorithm.pop_size} and {width} variables")
    kept = {name: arrays.pop(name) for name in [*arrays] if name.startswith(PREFIX)}
    n_eval, n_discarded = facts.get("n_eval", -1), facts.get("n_discarded", 0)
    if not all(type(count) is int and -1 <= count <= LARGEST for count in (n_eval, n_discarded)):
        raise InputError(f"{path} holds numbers of evaluations that no run has")
    size = facts.get("generation_size")
    if not (size is None or (type(size) is int and 1 <= size <= LARGEST)):
        raise InputError(f"{path} holds a size of the generations that no run has")
    algorithm.generation_size = size
    records = Records.from_arrays(kept, low.size, problem.n_obj)
    algorithm.resumed = Saved(
        Path(path), facts["seed"], arrays, records, n_eval, n_discarded, facts.get("preferring") is True
    )
    return algorithm


def _restored(kind: type[Runs], path: str | Path, facts: Facts, operators: Mapping[str, Any]) -> Runs:
    """Return an algorithm with the settings of a checkpoint, which may be anything that JSON holds."""
    engine, seed, values = facts["engine"], facts["seed"], facts["settings"]
    if not 0 <= seed < 2**63 or values.keys() & {*PYMOO_OPTIONS, *OPERATORS, *NO_SETTINGS}:
        raise InputError(f"{path} holds a seed or settings that no run has")
    mine, saved = Operators(**operators).names(), facts.get("operators", Operators().names())
    if mine != saved:
        raise InputError(
            f"{path} was saved with {_spelt(saved)}, not with {_spelt(mine)}: pass the same to load(path, problem, ...)"
        )
    try:
        algorithm = kind(**kind.options_of(engine, values), **operators, seed=seed)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise InputError(f"{path} holds settings that {kind.__name__} does not take: {str(error)[:200]}") from error
    if algorithm.engine_class.__name__ != engine:
        raise InputError(f"{path} was written by {engine[:40]!r}, which {kind.__name__} does not run")
    return algorithm


def _spelt(names: object) -> str:
    return str(names)[:200]
