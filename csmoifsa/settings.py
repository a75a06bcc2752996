"""The settings of the default CSMOIFSA, each declared once: its name, default and range; the kernels read the same."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from csmoifsa.errors import InputError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# Modules of csmoifsa.kernels.behaviours. Their order decides which random numbers choose which.
BEHAVIOURS = ("clone", "follow", "swarm", "forage")


def setting(default: float, low: float, high: float, *, search: tuple[float, float] | None = None) -> Any:
    """Return a dataclass field of a number with a closed range, which `check_ranges` checks.

    ``search`` is the part of the range in which a tuner may look for a better value (`csmoifsa.hyperparameters`).
    """
    return field(default=default, metadata={"range": (low, high)} | ({} if search is None else {"search": search}))


def check_ranges(settings: DataclassInstance) -> None:
    """Check the fields of a settings object: type as its default's, numbers within the range that `setting` declared.

    Raises
    ------
    InputError
        Names the first field that is out of its range, or not of its declared type.
    """
    for entry in fields(settings):
        value = getattr(settings, entry.name)
        if isinstance(entry.default, bool):
            if not isinstance(value, bool):
                raise InputError(f"setting {entry.name} must be true or false, got {value!r}")
        elif "range" in entry.metadata:
            low, high = entry.metadata["range"]
            whole = isinstance(entry.default, int)
            kinds = (int, np.integer) if whole else (int, float, np.number)
            if isinstance(value, bool) or not isinstance(value, kinds):
                kind = "a whole number" if whole else "a number"
                raise InputError(f"setting {entry.name} must be {kind}, got {value!r}")
            if not low <= value <= high:
                raise InputError(f"setting {entry.name} must lie between {low:g} and {high:g}, got {value!r}")


@dataclass(frozen=True)
class Settings:
    """Settings of the default CSMOIFSA; one set serves all problems.

    Attributes
    ----------
    pop_size : int
        Number of individuals in the population, and greatest number of solutions returned.
    n_offsprings : int
        Offspring of a generation, between two selections; raise it to the number of workers for parallel evaluation.
    n_active : int
        Least crowded individuals of the first front that are cloned (immunity) and that forage; while nothing is
        feasible, it is the fifth of the population with the least violation instead.
    n_leaders : int
        Least crowded of the active individuals, which others follow.
    eta_crossover, eta_mutation : float
        Distribution indices of the clones' simulated binary crossover and polynomial mutation.
    mutations_per_clone : float
        Coordinates of a clone that mutate on average.
    outbreeding_rate : float
        Share of clones that are recombined with any individual instead of another active one.
    attraction, differential_weight : float
        Factors of the way to the leader and of the difference of two individuals, in swarming: the contraction.
    min_crossover_rate : float
        Least share of the coordinates that swarming changes; each child draws its own between this and 1.
    cauchy_scale : float
        Scale of a forager's Cauchy-distributed jumps along one coordinate, as a share of the coordinate's range.
    reuse_penalty : float
        Penalty r on the crowding distance of an individual that was cloned or foraged from k times:
        distance / (1 + r k).
    memory_size : int
        Number of lengths of long steps that succeeded, which foragers use again.
    min_probability : float
        Least probability of each behaviour, at most 1 / number of behaviours.
    min_forage_credit : float
        Least credit of foraging, so that it takes over when nothing else succeeds; cloning has at least half of it.
    rare_success : float
        Share of successes among all children below which the least credits of the other behaviours rise, too, up to
        half of that of foraging where nothing succeeds; 0 = they never rise.
    credit_rate : float
        Smoothing of each behaviour's success rate, 0 (frozen) to 1 (last generation only).
    competition : bool
        Parent-offspring competition: the worse of each child and its parent is eliminated, even where it is better
        than others of the population.
    behaviours : tuple of str
        Names of the behaviours in use; all of `BEHAVIOURS` by default.
    """

    pop_size: int = setting(100, 2, 1_000_000)
    n_offsprings: int = setting(10, 1, 1_000_000)
    n_active: int = setting(8, 1, 1_000_000, search=(2, 30))
    n_leaders: int = setting(6, 1, 1_000_000, search=(1, 20))
    eta_crossover: float = setting(15.0, 0.0, 1e4, search=(5.0, 30.0))
    eta_mutation: float = setting(20.0, 0.0, 1e4, search=(5.0, 50.0))
    mutations_per_clone: float = setting(0.5, 0.0, 1e6, search=(0.1, 3.0))
    outbreeding_rate: float = setting(0.7, 0.0, 1.0, search=(0.0, 1.0))
    attraction: float = setting(0.9, 0.0, 2.0, search=(0.3, 1.5))
    differential_weight: float = setting(0.5, 0.0, 2.0, search=(0.1, 1.0))
    min_crossover_rate: float = setting(0.3, 0.0, 1.0, search=(0.0, 1.0))
    cauchy_scale: float = setting(0.05, 0.0, 1.0, search=(0.005, 0.2))
    reuse_penalty: float = setting(0.5, 0.0, 1e6, search=(0.0, 2.0))
    memory_size: int = setting(10, 1, 1000, search=(1, 30))
    min_probability: float = setting(0.03, 0.0, 1.0, search=(0.0, 0.2))
    min_forage_credit: float = setting(0.1, 0.0, 1.0, search=(0.0, 0.5))
    rare_success: float = setting(0.02, 0.0, 1.0, search=(0.0, 0.1))
    credit_rate: float = setting(0.05, 0.0, 1.0, search=(0.01, 0.3))
    competition: bool = field(default=True, metadata={"search": (False, True)})
    behaviours: tuple[str, ...] = BEHAVIOURS

    def __post_init__(self):
        check_ranges(self)
        names = (self.behaviours,) if isinstance(self.behaviours, str) else tuple(self.behaviours)
        unknown = [name for name in names if name not in BEHAVIOURS]
        if unknown or not names:
            known, got = ", ".join(BEHAVIOURS), ", ".join(unknown) or "none"
            raise InputError(f"setting behaviours must name at least one of {known}; got {got}")
        if self.min_probability * len(names) > 1.0:
            most = f"1 / {len(names)}, for {len(names)} behaviours"
            raise InputError(f"setting min_probability must be at most {most}; got {self.min_probability!r}")
        object.__setattr__(self, "behaviours", names)
