"""Trusses, beams and a hatch cover; see the package for the arguments."""

from __future__ import annotations

import math

import numpy as np

from csmoifsa.jit import jit
from csmoifsa_re.kernels.nearest import nearest

# Areas of reinforcement [in^2] that Amir and Hasegawa list; 3.10, which some programs read as 3 and 10.
# fmt: off
STEEL_AREAS = np.array([
    0.20, 0.31, 0.40, 0.44, 0.60, 0.62, 0.79, 0.80, 0.88, 0.93, 1.0, 1.20, 1.24, 1.32, 1.40, 1.55, 1.58, 1.60, 1.76,
    1.80, 1.86, 2.0, 2.17, 2.20, 2.37, 2.40, 2.48, 2.60, 2.64, 2.79, 2.80, 3.0, 3.08, 3.10, 3.16, 3.41, 3.52, 3.60,
    3.72, 3.95, 3.96, 4.0, 4.03, 4.20, 4.34, 4.40, 4.65, 4.74, 4.80, 4.84, 5.0, 5.28, 5.40, 5.53, 5.72, 6.0, 6.16,
    6.32, 6.60, 7.11, 7.20, 7.80, 7.90, 8.0, 8.40, 8.69, 9.0, 9.48, 10.27, 11.0, 11.06, 11.85, 12.0, 13.0, 14.0, 15.0,
])
# fmt: on
LEAST_WIDTH = 1e-10  # RE22's bounds reach zero, by which its constraints divide


@jit
def four_bar_truss(x: np.ndarray, f: np.ndarray) -> None:
    """RE21, volume and joint displacement; areas x. Source: Cheng and Li 1999, with the paper's square root of x_3."""
    force, modulus, length = 10.0, 2e5, 200.0
    root = math.sqrt(2.0)
    f[0] = length * (2.0 * x[0] + root * x[1] + math.sqrt(x[2]) + x[3])
    f[1] = force * length / modulus * (2.0 / x[0] + 2.0 * root / x[1] - 2.0 * root / x[2] + 2.0 / x[3])


@jit
def concrete_beam(x: np.ndarray, f: np.ndarray, g: np.ndarray) -> None:
    """RE22, cost; area of steel, width and depth. Source: Amir and Hasegawa 1989."""
    area, width, depth = nearest(x[0], STEEL_AREAS), max(x[1], LEAST_WIDTH), x[2]
    f[0] = 29.4 * area + 0.6 * x[1] * depth
    g[0] = area * depth - 7.735 * area * area / width - 180.0
    g[1] = 4.0 - depth / width


@jit
def hatch_cover(x: np.ndarray, f: np.ndarray, g: np.ndarray) -> None:
    """RE24, weight; thickness of flange and height of beam. Source: Amir and Hasegawa 1989."""
    flange, height = x[0], x[1]
    modulus = 700_000.0
    bending = 4500.0 / (flange * height)
    f[0] = flange + 120.0 * height
    g[0] = 1.0 - bending / 700.0
    g[1] = 1.0 - 1800.0 / height / 450.0
    g[2] = 1.0 - 562_000.0 / (modulus * flange * height * height) / 1.5
    g[3] = 1.0 - bending / (modulus * flange * flange / 100.0)


@jit
def two_bar_truss(x: np.ndarray, f: np.ndarray, g: np.ndarray) -> None:
    """RE31 and CRE21, weight and stress; two areas and a height. Source: Coello and Pulido 2005."""
    long, short = math.sqrt(16.0 + x[2] * x[2]), math.sqrt(1.0 + x[2] * x[2])
    f[0] = x[0] * long + x[1] * short
    f[1] = 20.0 * long / (x[0] * x[2])
    g[0] = 0.1 - f[0]
    g[1] = 1e5 - f[1]
    g[2] = 1e5 - 80.0 * short / (x[2] * x[1])


@jit
def welded_beam(x: np.ndarray, f: np.ndarray, g: np.ndarray) -> None:
    """RE32 and CRE22, cost and deflection; weld h and l, beam t and b. Source: Ray and Liew 2002."""
    h, l, t, b = x[0], x[1], x[2], x[3]  # noqa: E741 - the source's letters
    load, span, young, shear = 6000.0, 14.0, 30e6, 12e6
    f[0] = 1.10471 * h * h * l + 0.04811 * t * b * (14.0 + l)
    f[1] = 4.0 * load * span**3 / (young * b * t**3)
    half = (h + t) / 2.0
    arm = math.sqrt(l * l / 4.0 + half * half)
    polar = 2.0 * math.sqrt(2.0) * h * l * (l * l / 12.0 + half * half)
    primary = load / (math.sqrt(2.0) * h * l)
    secondary = load * (span + l / 2.0) * arm / polar
    stress = math.sqrt(primary * primary + primary * secondary * l / arm + secondary * secondary)
    slender = 1.0 - t / (2.0 * span) * math.sqrt(young / (4.0 * shear))
    buckling = 4.013 * young * t * b**3 / 6.0 / (span * span) * slender
    g[0] = 13_600.0 - stress
    g[1] = 30_000.0 - 6.0 * load * span / (b * t * t)
    g[2] = b - h
    g[3] = buckling - load
