"""Arrays as npy bytes (NumPy's file format 1.0), with a reader for bytes that may be forged.

NumPy's own reader evaluates the header as a Python literal and allocates the memory that it declares. Here a header
must be, letter for letter, one that NumPy writes for a plain array, and the data exactly as long as its shape needs.
"""

from __future__ import annotations

import io
import math
import re

import numpy as np

TYPES = {"<f8": np.float64, "<i8": np.int64, "|b1": np.bool_, "|u1": np.uint8}
_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(
    rb"\{'descr': '(<f8|<i8|\|b1|\|u1)', 'fortran_order': False, 'shape': \(((?:\d{1,15}, ?)*(?:\d{1,15})?)\), \} *\n"
)


def pack(array: np.ndarray) -> bytes:
    """Return an array of one of `TYPES` as npy bytes, in C order.

    Raises
    ------
    TypeError
        The array has another type.
    """
    array = np.asarray(array, order="C")
    if array.dtype.newbyteorder("<").str not in TYPES:
        raise TypeError(f"arrays of type {array.dtype} are not written; known are {', '.join(TYPES)}")
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def unpack(content: object) -> np.ndarray:
    """Return the array in npy bytes; its size never exceeds that of the bytes.

    Raises
    ------
    ValueError
        The bytes are damaged, longer or shorter than the shape needs, or hold a type that is not in `TYPES`.
    """
    if not isinstance(content, bytes):
        raise ValueError(f"an array must be bytes, not of type {type(content).__name__}")
    start = len(_MAGIC) + 2
    length = int.from_bytes(content[len(_MAGIC) : start], "little")
    found = _HEADER.fullmatch(content[start : start + length])
    if not content.startswith(_MAGIC) or found is None:
        raise ValueError("it does not begin like an array of plain numbers")
    shape = tuple(int(size) for size in found[2].replace(b" ", b"").split(b",") if size)
    kind = np.dtype(TYPES[found[1].decode()]).newbyteorder("<")
    data = content[start + length :]
    if len(data) != math.prod(shape) * kind.itemsize or len(shape) > 8:
        raise ValueError(f"an array of shape {shape} does not fit {len(data)} bytes")
    if kind.kind == "b" and data.strip(b"\0\1"):
        raise ValueError("a truth value is neither 0 nor 1")
    return np.frombuffer(data, kind).astype(TYPES[found[1].decode()]).reshape(shape)
