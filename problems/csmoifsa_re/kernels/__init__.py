"""The compiled evaluator of the suite: one function for every member, so that it compiles once.

Each model fills the objectives ``f`` and the margins ``g`` of its source's constraints for one candidate ``x``; a
margin below zero is a violation. Numbers are those of Tanabe and Ishibuchi 2020, as their own programs have
them (`csmoifsa_re.problems`); each model names the source that they took it from.
"""

from __future__ import annotations

import numpy as np

from csmoifsa.jit import jit
from csmoifsa_re.kernels.machines import coil_spring, disc_brake, gear_train, pressure_vessel, speed_reducer
from csmoifsa_re.kernels.structures import concrete_beam, four_bar_truss, hatch_cover, two_bar_truss, welded_beam
from csmoifsa_re.kernels.systems import marine_design, rocket_injector, water_resources
from csmoifsa_re.kernels.vehicles import car_cab, car_side_impact, crashworthiness


@jit
def evaluate(X: np.ndarray, data: np.ndarray, F: np.ndarray, G: np.ndarray) -> None:
    """Fill the objectives ``F`` (n, m) and the constraints ``G`` (n, c) of the candidates ``X`` (n, d).

    Parameters
    ----------
    X : (n, d) array
        One candidate a row, inside the bounds.
    data : (2,) array
        ``[number, constraints]``: the RE number of the model, and how many constraints its source has.
    F, G : (n, m) and (n, c) arrays
        Written to. With c = 0 and constraints in the source, the last objective is the sum of their violations; else
        ``G`` is minus the margins.
    """
    number, n_constraints = int(data[0]), int(data[1])
    g = np.empty(n_constraints)
    for row in range(X.shape[0]):
        _model(number, X[row], F[row], g)
        if G.shape[1] > 0:
            for j in range(n_constraints):
                G[row, j] = -g[j]
        elif n_constraints > 0:
            violation = 0.0
            for j in range(n_constraints):
                violation += max(0.0, -g[j])
            F[row, F.shape[1] - 1] = violation


@jit
def _model(number: int, x: np.ndarray, f: np.ndarray, g: np.ndarray) -> None:
    """Fill objectives and margins by the RE number of a model."""
    if number < 30:
        _two_objectives(number, x, f, g)
    elif number == 31:
        two_bar_truss(x, f, g)
    elif number == 32:
        welded_beam(x, f, g)
    elif number == 33:
        disc_brake(x, f, g)
    elif number == 34:
        crashworthiness(x, f)
    elif number == 35:
        speed_reducer(x, f, g)
    elif number == 36:
        gear_train(x, f, g)
    elif number == 37:
        rocket_injector(x, f)
    elif number == 41:
        car_side_impact(x, f, g)
    elif number == 42:
        marine_design(x, f, g)
    elif number == 61:
        water_resources(x, f, g)
    else:
        car_cab(x, f)


@jit
def _two_objectives(number: int, x: np.ndarray, f: np.ndarray, g: np.ndarray) -> None:
    if number == 21:
        four_bar_truss(x, f)
    elif number == 22:
        concrete_beam(x, f, g)
    elif number == 23:
        pressure_vessel(x, f, g)
    elif number == 24:
        hatch_cover(x, f, g)
    else:
        coil_spring(x, f, g)
