"""Vessel, spring, brake and gears; see the package for the arguments."""

from __future__ import annotations

import math

import numpy as np

from csmoifsa.jit import jit
from csmoifsa_re.kernels.nearest import nearest

# Diameters of wire [in] that are made, as Lampinen and Zelinka list them.
# fmt: off
WIRES = np.array([
    0.009, 0.0095, 0.0104, 0.0118, 0.0128, 0.0132, 0.014, 0.015, 0.0162, 0.0173, 0.018, 0.02, 0.023, 0.025, 0.028,
    0.032, 0.035, 0.041, 0.047, 0.054, 0.063, 0.072, 0.08, 0.092, 0.105, 0.12, 0.135, 0.148, 0.162, 0.177, 0.192,
    0.207, 0.225, 0.244, 0.263, 0.283, 0.307, 0.331, 0.362, 0.394, 0.4375, 0.5,
])
# fmt: on


@jit
def pressure_vessel(x: np.ndarray, f: np.ndarray, g: np.ndarray) -> None:
    """RE23, cost; thickness of shell and head in 1/16 inch, radius, length. Source: Kannan and Kramer 1994."""
    shell, head, radius, length = 0.0625 * np.rint(x[0]), 0.0625 * np.rint(x[1]), x[2], x[3]
    f[0] = 0.6224 * shell * radius * length + 1.7781 * head * radius * radius
    f[0] += 3.1661 * shell * shell * length + 19.84 * shell * shell * radius
    g[0] = shell - 0.0193 * radius
    g[1] = head - 0.00954 * radius
    g[2] = math.pi * radius * radius * (length + 4.0 / 3.0 * radius) - 1_296_000.0


@jit
def coil_spring(x: np.ndarray, f: np.ndarray, g: np.ndarray) -> None:
    """RE25, volume of wire; whole coils, diameter of coil and of wire. Source: Lampinen and Zelinka 1999.

    The fifth margin is zero for every candidate: it is the free length less its own parts.
    """
    coils, coil, wire = np.rint(x[0]), x[1], nearest(x[2], WIRES)
    load, preload = 1000.0, 300.0
    f[0] = math.pi * math.pi * coil * wire * wire * (coils + 2.0) / 4.0
    index = coil / wire
    correction = (4.0 * index - 1.0) / (4.0 * index - 4.0) + 0.615 / index
    rate = 11.5e6 * wire**4 / (8.0 * coils * coil**3)
    g[0] = 189_000.0 - 8.0 * correction * load * coil / (math.pi * wire**3)
    g[1] = 14.0 - load / rate - 1.05 * (coils + 2.0) * wire
    g[2] = index - 3.0
    g[3] = 6.0 - preload / rate
    g[4] = 0.0
    g[5] = 1.25 - (load - preload) / rate


@jit
def disc_brake(x: np.ndarray, f: np.ndarray, g: np.ndarray) -> None:
    """RE33 and CRE23, mass and stopping time; two radii, force, number of surfaces. Source: Ray and Liew 2002."""
    inner, outer, force, surfaces = x[0], x[1], x[2], x[3]
    square, cube = outer * outer - inner * inner, outer**3 - inner**3
    f[0] = 4.9e-5 * square * (surfaces - 1.0)
    f[1] = 9.82e6 * square / (force * surfaces * cube)
    g[0] = outer - inner - 20.0
    g[1] = 0.4 - force / (3.14 * square)
    g[2] = 1.0 - 2.22e-3 * force * cube / (square * square)
    g[3] = 2.66e-2 * force * surfaces * cube / square - 900.0


@jit
def speed_reducer(x: np.ndarray, f: np.ndarray, g: np.ndarray) -> None:
    """RE35 and CRE24, weight and stress; teeth rounded. Source: Farhang-Mehr and Azarm 2002."""
    width, module, teeth = x[0], x[1], np.rint(x[2])
    length_1, length_2, shaft_1, shaft_2 = x[3], x[4], x[5], x[6]
    f[0] = 0.7854 * width * module**2 * (10.0 / 3.0 * teeth**2 + 14.933 * teeth - 43.0934)
    f[0] += -1.508 * width * (shaft_1**2 + shaft_2**2) + 7.477 * (shaft_1**3 + shaft_2**3)
    f[0] += 0.7854 * (length_1 * shaft_1**2 + length_2 * shaft_2**2)
    f[1] = math.sqrt((745.0 * length_1 / (module * teeth)) ** 2 + 1.69e7) / (0.1 * shaft_1**3)
    g[0] = 1.0 / 27.0 - 1.0 / (width * module**2 * teeth)
    g[1] = 1.0 / 397.5 - 1.0 / (width * module**2 * teeth**2)
    g[2] = 1.0 / 1.93 - length_1**3 / (module * teeth * shaft_1**4)
    g[3] = 1.0 / 1.93 - length_2**3 / (module * teeth * shaft_2**4)
    g[4] = 40.0 - module * teeth
    g[5] = 12.0 - width / module
    g[6] = width / module - 5.0
    g[7] = length_1 - 1.5 * shaft_1 - 1.9
    g[8] = length_2 - 1.1 * shaft_2 - 1.9
    g[9] = 1300.0 - f[1]
    g[10] = 1100.0 - math.sqrt((745.0 * length_2 / (module * teeth)) ** 2 + 1.575e8) / (0.1 * shaft_2**3)


@jit
def gear_train(x: np.ndarray, f: np.ndarray, g: np.ndarray) -> None:
    """RE36 and CRE25, error of ratio 6.931, largest gear; four counts of teeth. Source: Deb and Srinivasan 2006."""
    a, b, c, d = np.rint(x[0]), np.rint(x[1]), np.rint(x[2]), np.rint(x[3])
    f[0] = abs(6.931 - c / a * (d / b))
    f[1] = max(a, b, c, d)
    g[0] = 0.5 - f[0] / 6.931
