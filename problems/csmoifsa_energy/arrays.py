"""Read-only copies of arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, DTypeLike


def frozen(values: ArrayLike, dtype: DTypeLike = float) -> np.ndarray:
    """Return a copy of values as a C-contiguous array that cannot be written to.

    Examples
    --------
    >>> frozen([1, 2]).flags.writeable
    False
    """
    array = np.array(values, dtype=dtype, order="C")
    array.setflags(write=False)
    return array
