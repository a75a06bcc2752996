"""Counter-based random numbers: splitmix64 (Steele et al. 2014, doi:10.1145/2660193.2660195), keyed by three integers.

The key is (seed, generation, row). So the numbers are the same on any number of threads and for any order of rows, and
a saved run holds nothing but integers. A stream is a (1,) uint64 array.
"""

from __future__ import annotations

import numpy as np

from csmoifsa.jit import Matrix, Stream, jit


@jit(borrows=True)
def mix64(z: np.uint64) -> np.uint64:
    """Return the 64-bit hash of an integer: each input bit flips each output bit with probability one half."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@jit(borrows=True)
def open_stream(stream: Stream, seed: int, generation: int, row: int) -> None:
    """Set ``stream`` (1,) to the start of the numbers of one row of one generation."""
    z = mix64(np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15))
    z = mix64(z + np.uint64(generation) * np.uint64(0xD1342543DE82EF95))
    stream[0] = mix64(z + np.uint64(row) * np.uint64(0xAF251AF3B0F025B5))


@jit(borrows=True)
def uniform(stream: Stream) -> float:
    """Draw a float from [0, 1) and advance ``stream`` (1,)."""
    stream[0] += np.uint64(0x9E3779B97F4A7C15)
    return np.float64(mix64(stream[0]) >> np.uint64(11)) * 1.1102230246251565e-16


@jit(borrows=True)
def randint(stream: Stream, n: int) -> int:
    """Draw an integer from 0 to n - 1 and advance ``stream`` (1,)."""
    return min(int(uniform(stream) * n), n - 1)


@jit
def fill_uniform(table: Matrix, seed: int, generation: int) -> None:
    """Fill ``table`` (rows, columns) with numbers from [0, 1), each row from its own stream."""
    stream = np.empty(1, np.uint64)
    for i in range(table.shape[0]):
        open_stream(stream, seed, generation, i)
        for k in range(table.shape[1]):
            table[i, k] = uniform(stream)
