"""Cars; see the package for the arguments."""

from __future__ import annotations

import numpy as np

from csmoifsa.jit import jit


@jit
def crashworthiness(x: np.ndarray, f: np.ndarray) -> None:
    """RE34, mass, acceleration, intrusion; five thicknesses. Source: Liao, Li, Yang, Zhang and Li 2008."""
    a, b, c, d, e = x[0], x[1], x[2], x[3], x[4]
    f[0] = 1640.2823 + 2.3573285 * a + 2.3220035 * b + 4.5688768 * c + 7.7213633 * d + 4.4559504 * e
    f[1] = 6.5856 + a * (1.15 - 0.1106 * a - 0.3695 * d + 0.0861 * e) + b * (0.3628 * d - 1.0427)
    f[1] += c * (0.9738 - 0.3437 * c) + d * (0.8364 + 0.1764 * d)
    f[2] = -0.0551 + a * (0.0181 - 0.0073 * b) + b * (0.1024 + 0.024 * c - 0.0118 * d - 0.0241 * b)
    f[2] += c * (0.0421 - 0.0204 * d - 0.008 * e) + 0.0109 * d * d


@jit
def car_side_impact(x: np.ndarray, f: np.ndarray, g: np.ndarray) -> None:
    """RE41 and CRE31, weight, pubic force, mean velocity; seven thicknesses. Source: Jain and Deb 2014."""
    a, b, c, d, e, h, i = x[0], x[1], x[2], x[3], x[4], x[5], x[6]
    f[0] = 1.98 + 4.9 * a + 6.67 * b + 6.98 * c + 4.01 * d + 1.78 * e + 1e-5 * h + 2.73 * i
    f[1] = 4.72 - 0.5 * d - 0.19 * b * c
    pillar = 10.58 - 0.674 * a * b - 0.67275 * b
    door = 16.45 - 0.489 * c * i - 0.843 * e * h
    f[2] = 0.5 * (pillar + door)
    g[0] = 1.0 - (1.16 - 0.3717 * b * d - 0.0092928 * c)
    g[1] = 0.32 - (0.261 - 0.0159 * a * b - 0.06486 * a - 0.019 * b * i + 0.0144 * c * e + 0.0154464 * h)
    upper = 0.214 + 0.00817 * e - (0.045195 + 0.0135168) * a + 0.03099 * b * h - 0.018 * b * (i + b)
    g[2] = 0.32 - (upper + (0.007176 + 0.023232) * c - 0.00364 * e * h)
    g[3] = 0.32 - (0.74 - 0.61 * b - 0.031296 * c - 0.031872 * i + 0.227 * b * b)
    g[4] = 32.0 - (28.98 + 3.818 * c - 4.2 * a * b + 1.27296 * h - 2.68065 * i)
    g[5] = 32.0 - (33.86 + 2.95 * c - 5.057 * a * b - 3.795 * b - 3.4431 * i + 1.45728)
    g[6] = 32.0 - (46.36 - 9.9 * b - 4.4505 * a)
    g[7] = 4.0 - f[1]
    g[8] = 9.9 - pillar
    g[9] = 15.7 - door


@jit
def car_cab(x: np.ndarray, f: np.ndarray) -> None:
    """RE91, weight and eight loads as shares of their limits, at least 0. Source: Deb, Gupta, Daum, Branke et al. 2009.

    Two of the four random variables have the means 0.345 and 0.192, the other two zero, so that their terms vanish.
    """
    a, b, c, d, e, h, i = x[0], x[1], x[2], x[3], x[4], x[5], x[6]
    p, q = 0.345, 0.192
    f[0] = 1.98 + 4.9 * a + 6.67 * b + 6.98 * c + 4.01 * d + 1.75 * e + 1e-5 * h + 2.73 * i
    f[1] = 1.16 - 0.3717 * b * d - 0.484 * c * q
    f[2] = (0.261 - 0.0159 * a * b - 0.188 * a * p - 0.019 * b * i + 0.0144 * c * e + 0.08045 * h * q) / 0.32
    upper = 0.214 + 0.00817 * e - a * (0.131 * p + 0.0704 * q) + 0.03099 * b * h - 0.018 * b * (i + b)
    f[3] = (upper + c * (0.0208 * p + 0.121 * q) - 0.00364 * e * h) / 0.32
    f[4] = (0.74 - 0.61 * b - 0.163 * c * p - 0.166 * i * q + 0.227 * b * b) / 0.32
    ribs = 28.98 + 3.818 * c - 4.2 * a * b + 6.63 * h * q - 7.77 * i * p
    ribs += 33.86 + 2.95 * c - 5.057 * a * b - 11.0 * b * p - 9.98 * i * p + 22.0 * p * q
    ribs += 46.36 - 9.9 * b - 12.9 * a * p
    f[5] = ribs / 3.0 / 32.0
    f[6] = (4.72 - 0.5 * d - 0.19 * b * c) / 4.0
    f[7] = (10.58 - 0.674 * a * b - 1.95 * b * p) / 9.9
    f[8] = (16.45 - 0.489 * c * i - 0.843 * e * h) / 15.7
    for j in range(1, 9):
        f[j] = max(0.0, f[j])
