"""The pymoo interface: `CSMOIFSA` and `MOAFSA` run wherever a pymoo algorithm does.

Within a generation all data are arrays and ``problem.evaluate`` is called directly. pymoo's `Population` objects are
built only when ``pop`` or ``opt`` is read, or when the search is driven with ``ask`` and ``tell``.
"""

from __future__ import annotations

import copy
import math
import secrets
import time
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
from pymoo.core.algorithm import Algorithm
from pymoo.core.callback import Callback
from pymoo.core.evaluator import Evaluator
from pymoo.core.operator import Operator
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.core.result import Result
from pymoo.core.termination import Termination
from pymoo.termination.max_eval import MaximumFunctionCallTermination
from pymoo.termination.max_gen import MaximumGenerationTermination
from pymoo.util.display.display import Display
from pymoo.util.display.multi import MultiObjectiveOutput

from csmoifsa.checkpoint import Facts
from csmoifsa.engine import Engine, ImmuneFishSwarm
from csmoifsa.errors import InputError
from csmoifsa.exchange import EQUALITY_TOLERANCE, Exchange, Values, rows_of
from csmoifsa.generations import Generations
from csmoifsa.hyperparameters import variables_of, with_values
from csmoifsa.moafsa import FishSwarm, SwarmSettings
from csmoifsa.operators import Operators, batch_for, first_individuals
from csmoifsa.options import OPERATORS, split_settings
from csmoifsa.requirements import n_eval_budget, offers_kernel, outputs_of, refuse_unsuitable
from csmoifsa.results import EngineResult, View
from csmoifsa.resume import Saved, load_run, save_run
from csmoifsa.settings import Settings
from csmoifsa.typing import ArrayLike
from csmoifsa.typing import Problem as CompiledProblem
from csmoifsa.variables import coding_of

Sampling: TypeAlias = ArrayLike | Population | Operator | None

UNUSED = {"is_initialized": False, "n_iter": None, "off": None, "start_time": None}  # of an algorithm before its run
LONGEST_STRETCH = 100  # generations between two returns to Python, where Ctrl-C takes effect


class EngineAlgorithm(Algorithm):
    """Base class of both algorithms: runs an `Engine` through pymoo's `Algorithm` interface.

    One generation of pymoo is ``n_offsprings`` evaluations where the user states that number, else ``pop_size`` of
    them, which may be several of the engine's generations; the first one is the first population. ``("n_eval", N)`` is
    met exactly. ``ask()`` returns the offspring of one generation of the engine.

    Parameters
    ----------
    engine_class, settings
        Subclass of `Engine` to run, and an instance of its settings class.
    sampling : (n, n_var) array, Population or pymoo's Sampling, optional
        First positions; the rows up to ``pop_size`` that are missing come from a Latin hypercube.
    **options
        Fields of `csmoifsa.operators.Operators`, and options of pymoo's ``Algorithm``, such as termination, callback,
        output, verbose, save_history and seed.
    """

    def __init__(self, engine_class: type[Engine], settings: Any, *, sampling: Sampling = None, **options: Any):
        self._view: View | None = None
        operators = Operators(**{name: options.pop(name) for name in OPERATORS if name in options})
        super().__init__(output=options.pop("output", MultiObjectiveOutput()), **options)
        self.engine_class = engine_class
        self.settings = settings
        self.sampling = sampling
        self.operators = operators
        self.generation_size: int | None = None  # evaluations of a generation after the first; None: pop_size
        self.hyperparameters = variables_of(settings)  # where pymoo.core.parameters finds them
        self.engine: Engine | None = None
        self.exchange: Exchange | None = None
        self.resumed: Saved | None = None
        self._begin: dict[str, Any] | None = None  # what a run changes, as it was before the first one

    @property
    def pop_size(self) -> int:
        """The number of individuals in the population."""
        return self.settings.pop_size

    # -------------------------------------------------------------------------------------------------------- set-up
    def setup(self, problem: Problem, **options: Any) -> EngineAlgorithm:
        """Prepare a run on ``problem``; options are pymoo's, or settings. A second call begins a new run."""
        self._view = None
        if self._begin is None:
            self._begin = {"display": copy.deepcopy(self.display), "archive": copy.deepcopy(self.archive)}
        else:
            self.__dict__.update(copy.deepcopy(self._begin), **UNUSED)
            self.evaluator.n_eval, self.history, self.data = 0, [], {}
        mine = {name: options.pop(name) for name in [*options] if name in self.settings.__dataclass_fields__}
        self._change_settings(mine)
        self.engine = self.exchange = None
        super().setup(problem, **options)
        if self.exchange is None:  # a wrapper that does not call the set-up of what it wraps
            raise InputError(
                f"{type(self).__name__} cannot wrap this algorithm, which ranks constraint violations itself, without "
                "a tolerance that adapts; pass the algorithm as it is"
            )
        return self

    def _change_settings(self, mine: dict[str, Any]) -> None:
        self.settings = replace(self.settings, **{name: value for name, value in mine.items() if value is not None})
        if mine.get("n_offsprings") is not None:
            self.generation_size = self.settings.n_offsprings
        for name in mine.keys() & self.hyperparameters.keys():
            self.hyperparameters[name].set(getattr(self.settings, name))

    def _setup(self, problem: Problem, **kwargs: object) -> None:
        refuse_unsuitable(problem)
        self.settings = with_values(self.settings, self.hyperparameters)
        begin = {"termination": copy.deepcopy(self.termination), "seed": self.seed, "settings": self.settings}
        self._begin = {**(self._begin or {}), **begin}
        if self.generation_size is None and self.resumed is None and hasattr(self.settings, "n_offsprings"):
            self.settings = replace(self.settings, n_offsprings=batch_for(problem, self.settings.n_offsprings))
        if self.seed is None:
            self.seed = secrets.randbits(48)
        first = first_individuals(self.sampling, problem, self.pop_size, self.seed)
        coding = coding_of(problem)
        low, high = coding.bounds
        self.engine = self.engine_class(
            low.size,
            problem.n_obj,
            settings=self.settings,
            seed=self.seed,
            xl=low,
            xu=high,
            n_extra=problem.n_ieq_constr + problem.n_eq_constr,
            initial=coding.encoded(one.X for one in first) if len(first) else None,
        )
        self.exchange = Exchange(self.engine, problem, self.operators, first)
        if self.resumed is not None:
            self._go_on(self.resumed)

    def _go_on(self, saved: Saved) -> None:
        """Restore the state that `load` read; a run whose budget is used up is terminated."""
        if self.seed != saved.seed:
            raise InputError(f"the saved run has seed {saved.seed}; go on without a seed or with that one")
        try:
            self._engine.state = saved.state
        except InputError as error:
            raise InputError(f"{saved.path}: {error}") from error
        self.resumed = None
        self._initialize()
        self.is_initialized = True
        self.evaluator.n_eval = self._engine.n_eval if saved.n_eval < 0 else saved.n_eval
        for name in ("records", "n_discarded", "preferring"):
            setattr(self._exchange, name, getattr(saved, name))
        finished = self._calendar.finished(self._engine.n_eval)
        self.n_iter = finished + 1  # the generation that comes next or is under way
        termination = self._termination
        last = termination.n_max_gen if type(termination) is MaximumGenerationTermination else math.inf
        if self.evaluator.n_eval >= n_eval_budget(termination) or finished >= last:
            termination.terminate()
            termination.update(self)

    # ------------------------------------------------------------------------------------------------ save and load
    def save(self, path: str | Path) -> None:
        """Write the run to one file, atomically and without pickle; the file it replaces stays as ``.previous``.

        It may be called between any two calls: a run continued by `load` is bit for bit the uninterrupted one.

        Raises
        ------
        InputError
            ``setup`` has not been called yet, or the file cannot be written.
        """
        save_run(self, self._engine, self._exchange, path)

    @classmethod
    def load(cls, path: str | Path, problem: Problem, **operators: Any) -> EngineAlgorithm:
        """Read a saved run of ``problem``; pass the result to ``minimize`` with any termination to continue it.

        In ``minimize(problem, CSMOIFSA.load(path, problem), ("n_eval", 20000))`` the budget includes the evaluations
        saved. ``operators`` are those of the saved run, such as ``repair`` and ``on_error``.

        Raises
        ------
        InputError
            The file is missing, truncated, corrupt or not a checkpoint, or it holds another problem or algorithm.
        """
        return load_run(cls, path, problem, operators)

    @classmethod
    def options_of(cls, engine: str, values: Facts) -> Facts:
        """Return the constructor's arguments for an engine with these settings."""
        return values

    # ---------------------------------------------------------------------------------------------- one generation
    def run(self) -> Result:
        """Run until the termination criterion is met; generations that nothing observes run without a break."""
        if self.problem is None:
            raise InputError("call setup(problem) before run()")
        while self.has_next():
            self._generations(self._stretch())
        return self.result()

    def next(self) -> None:
        """Run one generation, less of it if the budget ends."""
        if self.problem is None:
            raise InputError("call setup(problem) before next()")
        self._generations(1)

    def _generations(self, n: int) -> None:
        plain = self._exchange.plain and self.archive is None
        if not plain or self.evaluator.callback or type(self.evaluator) is not Evaluator:
            return super().next()  # operators, an archive, a callback or another evaluator need every individual
        if not self.is_initialized:
            self._initialize()
            self.is_initialized = True
        left = self._evaluations_left(n)
        engine, problem = self._engine, self._problem
        compiled = None
        if isinstance(engine, ImmuneFishSwarm) and self.operators.reference_point is None and offers_kernel(problem):
            compiled = engine, problem
        while left > 0:
            done = (_run_compiled(*compiled, left) if compiled else 0) or self._evaluate(engine, self._problem, left)
            self.evaluator.n_eval += done
            left -= done
        self.n_iter = (self.n_iter or 1) + n - 1
        self._post_advance()
        if self._termination.has_terminated():
            self.finalize()

    def _evaluate(self, engine: Engine, problem: Problem, most: int) -> int:
        """Evaluate the offspring of one generation through the problem; return the number of evaluations."""
        X = engine.ask(most)
        out = outputs_of(problem, X, algorithm=self)
        if len(out) == 1 and not self.operators.change_results:
            engine.tell(out["F"])  # nothing but objectives, of the rows as they were asked for
        else:
            F, *constraints = (out.pop(name) if name in out else np.empty((len(X), 0)) for name in "FGH")
            self._exchange.report(Values(X, F, np.column_stack(constraints)), rows_of(out, len(X)))
        return len(X)

    def _evaluations_left(self, generations: int = 1) -> int:
        """Return the evaluations left in this generation and the ``generations - 1`` after it, within the budget."""
        whole = self._calendar.left(self._engine.n_eval, generations)
        left = max(n_eval_budget(self.termination) - self.evaluator.n_eval, 1)
        return int(min(whole, left + self._exchange.n_answered))

    def _stretch(self) -> int:
        """Return how many generations can run without a break: one if a callback, history or display observes them."""
        display = self.display
        if self.save_history or type(self.callback) is not Callback or type(display) is not Display:
            return 1
        if display.verbose or display.progress is not None:
            return 1
        if type(self.termination) is MaximumFunctionCallTermination:
            left = self.termination.n_max_evals - self.evaluator.n_eval
            generations = self._calendar.within(self._engine.n_eval, left)
        elif type(self.termination) is MaximumGenerationTermination:
            generations = self.termination.n_max_gen - (self.n_iter or 1) + 1
        else:
            return 1
        return int(min(max(math.ceil(generations), 1), LONGEST_STRETCH)) if generations < math.inf else LONGEST_STRETCH

    @property
    def _calendar(self) -> Generations:
        return Generations(self.pop_size, self.generation_size or self.pop_size)

    @property
    def _problem(self) -> Problem:
        if self.problem is None:
            raise InputError("call setup(problem) first")
        return self.problem

    @property
    def _termination(self) -> Termination:
        return cast(Termination, self.termination)  # pymoo's set-up turns a name or a tuple into one

    @property
    def _engine(self) -> Engine:
        if self.engine is None:
            raise InputError("call setup(problem) first")
        return self.engine

    @property
    def _exchange(self) -> Exchange:
        if self.exchange is None:
            raise InputError("call setup(problem) first")
        return self.exchange

    # ----------------------------------------------------------------------------------------- ask and tell, objects
    def _initialize_infill(self) -> Population:
        return self._infill()

    def _infill(self) -> Population:
        infills = self._exchange.ask(self._evaluations_left(), n_eval_budget(self.termination) - self.evaluator.n_eval)
        if self._exchange.exhausted:
            self._termination.terminate()
        return infills

    def _initialize_advance(self, infills: Population | None = None, **kwargs: object) -> None:
        self._advance(infills)

    def _advance(self, infills: Population | None = None, **kwargs: object) -> bool:
        if infills is None:
            raise InputError("tell(infills=...) needs the population that ask() returned, evaluated")
        told, self._view = self._engine.n_eval, None
        self._exchange.tell(infills)
        over = self.evaluator.n_eval >= n_eval_budget(self.termination)
        if over:
            self._exchange.close_batch()
        over = over or self._exchange.exhausted
        return over or self._calendar.finished(self._engine.n_eval) > self._calendar.finished(told)

    @property
    def n_discarded(self) -> int:
        """The number of evaluations that failed, with ``on_error="discard"``."""
        return self._exchange.n_discarded

    def _finalize(self) -> None:
        if self.n_discarded:
            self.data["n_discarded"] = self.n_discarded
            share = f"{self.n_discarded} of {self.evaluator.n_eval} evaluations"
            warnings.warn(f"{share} failed (NaN or infinite values) and were discarded", RuntimeWarning, stacklevel=2)

    # ------------------------------------------------------------------------------------ population and optimum
    def result(self) -> Result:
        """Return pymoo's result: arrays at once, ``pop`` and ``opt`` when they are read."""
        view = self._look() if self._started() else None
        if view is None or not (view.front.CV <= 0.0).any():
            return super().result()  # pymoo decides what to return where nothing is feasible
        result = EngineResult(view)
        for name in ("problem", "archive", "history", "data", "start_time"):
            setattr(result, name, getattr(self, name))
        result.end_time = time.time()
        result.exec_time = result.end_time - cast(float, self.start_time)
        return result

    def _look(self) -> View:
        """Return the individuals and the non-dominated solutions of this moment."""
        if self._view is None or self._view.n_eval != self._engine.n_eval:
            self._view = self._exchange.view()
        return self._view

    @property
    def pop(self) -> Population | None:
        """The population (CSMOIFSA) or the bulletin board (MOAFSA), as objects of pymoo."""
        return self._look().pop if self._started() else None

    @pop.setter
    def pop(self, value: Population | None) -> None:
        if self.__dict__.get("is_initialized"):
            self._exchange.replace_population(value)
            self._view = None
        elif value is not None and len(value) and value is not self.off:
            raise InputError("the first population comes from sampling=...; set pop once the run has begun")

    @property
    def opt(self) -> Population | None:
        """The non-dominated solutions, as objects of pymoo; while none is feasible, those of least violation."""
        return self._look().opt if self._started() else None

    @opt.setter
    def opt(self, value: object) -> None:
        if value is not None:
            raise InputError("opt follows from the population and cannot be set; set pop")

    def _started(self) -> bool:
        engine = self.__dict__.get("engine")
        return engine is not None and engine.n_eval > 0

    def _set_optimum(self) -> None:
        pass

    def __getstate__(self) -> Mapping[str, object]:
        return self.__dict__ | {"_view": None}


class CSMOIFSA(EngineAlgorithm):
    """Contraction-space multi-objective immune fish-swarm algorithm, for pymoo's ``minimize``.

    Parameters
    ----------
    pop_size : int
        Individuals in the population, and the largest number of solutions returned.
    paper : bool
        Run the paper's own steps (settings: `csmoifsa.moafsa.SwarmSettings`) instead of the default variant
        (settings: `csmoifsa.settings.Settings`).
    sampling : (n, n_var) array, Population or pymoo's Sampling, optional
        First positions; rows that are missing come from a Latin hypercube. Individuals that are evaluated already are
        not evaluated again; of more than ``pop_size`` the best are kept.
    **settings
        Fields of the settings class, of `csmoifsa.operators.Operators` (``repair``, ``eliminate_duplicates``,
        ``on_error``, ``reference_point``), and options of pymoo's ``Algorithm``.

    Raises
    ------
    InputError
        A setting is unknown or out of range; at ``setup``, the problem cannot be handled.

    Examples
    --------
    >>> from pymoo.optimize import minimize
    >>> from pymoo.problems import get_problem
    >>> result = minimize(get_problem("zdt1"), CSMOIFSA(pop_size=50), ("n_eval", 1000), seed=1)
    >>> len(result.F) <= 50
    True
    """

    def __init__(self, pop_size: int = 100, *, paper: bool = False, sampling: Sampling = None, **settings: Any):
        kind = SwarmSettings if paper else Settings
        mine, options = split_settings(kind, settings)
        if paper:
            mine = {"immune": True, "contract": True, **mine}
        chosen = kind(pop_size=pop_size, **mine)
        super().__init__(FishSwarm if paper else ImmuneFishSwarm, chosen, sampling=sampling, **options)
        self.generation_size = mine.get("n_offsprings")

    @classmethod
    def options_of(cls, engine: str, values: Facts) -> Facts:
        """Return the constructor's arguments for an engine with these settings."""
        return {**values, "paper": engine == FishSwarm.__name__}


class MOAFSA(EngineAlgorithm):
    """The plain multi-objective artificial fish swarm, the paper's baseline, for pymoo's ``minimize``.

    Parameters as `CSMOIFSA`; its settings are the fields of `csmoifsa.moafsa.SwarmSettings`.
    """

    def __init__(self, pop_size: int = 100, *, sampling: Sampling = None, **settings: Any):
        mine, options = split_settings(SwarmSettings, settings)
        super().__init__(FishSwarm, SwarmSettings(pop_size=pop_size, **mine), sampling=sampling, **options)


def _run_compiled(engine: ImmuneFishSwarm, problem: CompiledProblem, most: int) -> int:
    """Run whole generations with the problem's compiled evaluator; return the number of evaluations, perhaps 0."""
    return engine.run_generations(
        problem.kernel, problem.kernel_data, most, n_ieq=problem.n_ieq_constr, tolerance=EQUALITY_TOLERANCE
    )
