"""COCO's bbob-biobj suite by name: 55 pairs of the BBOB functions; needs the extra ``coco``.

Brockhoff, Auger, Hansen and Tušar, "Using well-understood single-objective functions in multiobjective black-box
optimization test suites", Evolutionary Computation 30(2), 2022, doi:10.1162/evco_a_00298.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING

from csmoifsa.errors import InputError

if TYPE_CHECKING:
    from csmoifsa_coco.problems import BbobBiobj

__all__ = ["COMMANDS", "PROBLEMS"]

FUNCTIONS = range(1, 56)
MISSING = "needs the package coco-experiment; install it with: pip install 'csmoifsa[coco]'"


def _factory(function: int) -> Callable[..., BbobBiobj]:
    def build(dimension: int = 10, instance: int = 1, half_width: float = 100.0) -> BbobBiobj:
        from csmoifsa_coco.problems import BbobBiobj

        return BbobBiobj(function, dimension, instance, half_width)

    build.__doc__ = f"COCO's bbob-biobj function {function}: two BBOB functions at once."
    return build


def _registered() -> tuple[dict[str, object], dict[str, object]]:
    """Return problems and commands; where the extra is missing, the sentence that names it stands for each."""
    names = [f"bbob-biobj-f{number:02d}" for number in FUNCTIONS]
    if find_spec("cocoex") is None:
        problems: dict[str, object] = {name: InputError(f"problem {name!r} {MISSING}") for name in names}
        return problems, {"coco": InputError(f"command 'coco' {MISSING}")}
    return dict(zip(names, map(_factory, FUNCTIONS), strict=True)), {"coco": "csmoifsa_coco.cli:app"}


PROBLEMS, COMMANDS = _registered()
"""Names of problems and commands, each with what builds it or where it is imported from when asked for."""
