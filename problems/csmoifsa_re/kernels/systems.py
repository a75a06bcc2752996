"""Rocket injector, ship and water resources; see the package for the arguments."""

from __future__ import annotations

import math

import numpy as np

from csmoifsa.jit import jit


@jit
def rocket_injector(x: np.ndarray, f: np.ndarray) -> None:
    """RE37, face temperature, combustion length, tip temperature. Source: Vaidyanathan, Tucker, Papila and Shyy 2003.

    x: flow angle a, change of hydrogen area h, change of oxygen area o, tip thickness t, each scaled to [0, 1].
    """
    a, h, o, t = x[0], x[1], x[2], x[3]
    f[0] = 0.692 + 0.477 * a - 0.687 * h - 0.080 * o - 0.0650 * t
    f[0] += a * (-0.167 * a - 0.0129 * h - 0.0634 * o - 0.0521 * t)
    f[0] += h * (0.0796 * h - 0.0257 * o + 0.00156 * t) + o * (0.0877 * o + 0.00198 * t) + 0.0184 * t * t
    f[1] = 0.153 - 0.322 * a + 0.396 * h + 0.424 * o + 0.0226 * t
    f[1] += a * (0.175 * a + 0.0185 * h - 0.251 * o + 0.0134 * t)
    f[1] += h * (-0.0701 * h + 0.179 * o + 0.0296 * t) + o * (0.0150 * o + 0.0752 * t) + 0.0192 * t * t
    f[2] = 0.370 - 0.205 * a + 0.0307 * h + 0.108 * o + 1.019 * t
    f[2] += a * (-0.135 * a + 0.0141 * h + 0.208 * o + 0.353 * t)
    f[2] += h * (0.0998 * h - 0.0301 * o) + o * (-0.226 * o - 0.0497 * t) - 0.423 * t * t
    f[2] += a * a * (0.202 * h - 0.281 * o) - h * h * (0.342 * a + 0.245 * o)
    f[2] += 0.281 * o * o * h - 0.184 * t * t * a - 0.281 * h * a * o


@jit
def marine_design(x: np.ndarray, f: np.ndarray, g: np.ndarray) -> None:
    """RE42 and CRE32, transport cost, light ship weight, minus the annual cargo. Source: Parsons and Scott 2004.

    x: length, beam, depth, draft [m], speed [kn], block coefficient. The days at sea rise with the speed, as the paper
    prints them; the sixth margin is 500,000 t less the deadweight, as corrected in May 2021.
    """
    length, beam, depth, draft, knots, block = x[0], x[1], x[2], x[3], x[4], x[5]
    displacement = 1.025 * length * beam * draft * block
    froude = 0.5144 * knots / math.sqrt(9.8065 * length)
    still = 4977.06 * block * block - 8105.61 * block + 4456.51
    moving = -10847.2 * block * block + 12817.0 * block - 6960.32
    power = displacement ** (2.0 / 3.0) * knots**3 / (still + moving * froude)
    outfit = length**0.8 * beam**0.6 * depth**0.3 * block**0.1
    steel = 0.034 * length**1.7 * beam**0.7 * depth**0.4 * block**0.5
    light = steel + outfit + 0.17 * power**0.9
    deadweight = displacement - light
    ship = 1.3 * (2000.0 * steel**0.85 + 3500.0 * outfit + 2400.0 * power**0.8)
    at_sea = 5000.0 / 24.0 * knots
    daily = 0.19 * power * 24.0 / 1000.0 + 0.2
    cargo = deadweight - daily * (at_sea + 5.0) - 2.0 * math.sqrt(deadweight)
    trips = 350.0 / (at_sea + 2.0 * (cargo / 8000.0 + 0.5))
    voyages = (1.05 * daily * at_sea * 100.0 + 6.3 * deadweight**0.8) * trips
    f[0] = (0.2 * ship + 40_000.0 * deadweight**0.3 + voyages) / (cargo * trips)
    f[1] = light
    f[2] = -cargo * trips
    g[0] = length / beam - 6.0
    g[1] = 15.0 - length / depth
    g[2] = 19.0 - length / draft
    g[3] = 0.45 * deadweight**0.31 - draft
    g[4] = 0.7 * depth + 0.7 - draft
    g[5] = 500_000.0 - deadweight
    g[6] = deadweight - 3000.0
    g[7] = 0.32 - froude
    metacentre = 0.53 * draft + (0.085 * block - 0.002) * beam * beam / (draft * block)
    g[8] = metacentre - (1.0 + 0.52 * depth) - 0.07 * beam


@jit
def water_resources(x: np.ndarray, f: np.ndarray, g: np.ndarray) -> None:
    """RE61 and CRE51, five costs of a storm drainage system. Source: Musselman and Talavage 1980 by Ray et al. 2001."""
    a, b, c = x[0], x[1], x[2]
    inverse = 1.0 / (a * b)
    f[0] = 106_780.37 * (b + c) + 61_704.67
    f[1] = 3000.0 * a
    f[2] = 305_700.0 * 2289.0 * b / (0.06 * 2289.0) ** 0.65
    f[3] = 250.0 * 2289.0 * math.exp(-39.75 * b + 9.9 * c + 2.74)
    f[4] = 25.0 * (1.39 * inverse + 4940.0 * c - 80.0)
    g[0] = 1.0 - (0.00139 * inverse + 4.94 * c - 0.08)
    g[1] = 1.0 - (0.000306 * inverse + 1.082 * c - 0.0986)
    g[2] = 50_000.0 - (12.307 * inverse + 49_408.24 * c + 4051.02)
    g[3] = 16_000.0 - (2.098 * inverse + 8046.33 * c - 696.71)
    g[4] = 10_000.0 - (2.138 * inverse + 7883.39 * c - 705.04)
    g[5] = 2000.0 - (0.417 * a * b + 1721.26 * c - 136.54)
    g[6] = 550.0 - (0.164 * inverse + 631.13 * c - 54.48)
