"""What the engine's arrays cannot hold of an individual: its position as evaluated, and further outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from csmoifsa import npy
from csmoifsa.board import Front
from csmoifsa.errors import InputError

PREFIX = "kept_"  # of the arrays in a checkpoint
KEYS = (f"{PREFIX}placed", f"{PREFIX}F")
POSITION, OUTPUT = f"{PREFIX}X", f"{PREFIX}output_"


@dataclass(frozen=True)
class Kept:
    """What `Records` keeps of one individual: its position as evaluated, and further outputs by name."""

    X: np.ndarray
    outputs: dict[str, Any]


class Records:
    """Exact positions and further outputs of individuals, found by the engine's position and objectives."""

    def __init__(self) -> None:
        self._kept: dict[tuple[bytes, bytes], Kept] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, placed: np.ndarray, F: np.ndarray, X: np.ndarray, outputs: Sequence[dict[str, Any]]) -> None:
        """Remember rows that differ from the engine's ``placed`` (n, n_var) or have further outputs (n mappings)."""
        differs = (placed != X).any(axis=1) | (X.dtype.kind != "f")
        if not (self._kept or any(outputs) or differs.any()):
            return
        for i, row_outputs in enumerate(outputs):
            key = _key(placed[i], F[i])
            if differs[i] or row_outputs:
                self._kept[key] = Kept(X[i].copy(), row_outputs)
            else:
                self._kept.pop(key, None)

    def forget_all_but(self, placed: np.ndarray, F: np.ndarray) -> None:
        """Forget the individuals that are not among these rows."""
        wanted = [_key(x, f) for x, f in zip(placed, F, strict=True)]
        self._kept = {key: self._kept[key] for key in wanted if key in self._kept}

    def arrays(self) -> dict[str, np.ndarray]:
        """Return everything kept as arrays by name, for a checkpoint; of the outputs only those that are numbers."""
        if not self._kept:
            return {}
        kept = [*self._kept.values()]
        found = {name: np.array([np.frombuffer(key[i]) for key in self._kept]) for i, name in enumerate(KEYS)}
        found[POSITION] = np.array([one.X for one in kept])
        for name in kept[0].outputs:
            if all(name in one.outputs for one in kept):
                with suppress(ValueError):  # of different shapes
                    column = np.array([one.outputs[name] for one in kept])
                    if column.dtype.str in npy.TYPES:
                        found[OUTPUT + name] = column
        return found

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], n_var: int, n_obj: int) -> Records:
        """Return records as `arrays` described them; raises `InputError` where shapes or types cannot be theirs."""
        records = cls()
        if not arrays:
            return records
        shapes = {KEYS[0]: n_var, KEYS[1]: n_obj, POSITION: n_var}
        n = len(arrays[KEYS[0]]) if KEYS[0] in arrays and np.ndim(arrays[KEYS[0]]) else 0
        for name, width in shapes.items():
            fine = name in arrays and arrays[name].shape == (n, width)
            if not fine or (name in KEYS and arrays[name].dtype != np.float64):
                raise InputError(f"the state's {name} is damaged; go on from an earlier checkpoint or start anew")
        outputs = {name.removeprefix(OUTPUT): array for name, array in arrays.items() if name.startswith(OUTPUT)}
        for name, array in outputs.items():
            if array.shape[:1] != (n,):
                raise InputError(f"the state's output {name[:40]!r} is damaged; go on from an earlier checkpoint")
        for i in range(n):
            key = arrays[KEYS[0]][i].tobytes(), arrays[KEYS[1]][i].tobytes()
            records._kept[key] = Kept(arrays[POSITION][i], {name: array[i] for name, array in outputs.items()})
        return records

    def restored(self, rows: Front) -> tuple[Front, list[dict[str, Any]] | None]:
        """Return rows with their exact positions, and the further outputs of each; None where nothing was kept."""
        if not self._kept:
            return rows, None
        kept = [self._kept.get(_key(x, f)) for x, f in zip(rows.X, rows.F, strict=True)]
        X = np.array([x if known is None else known.X for x, known in zip(rows.X, kept, strict=True)])
        return rows._replace(X=X.reshape(rows.X.shape)), [{} if known is None else known.outputs for known in kept]


def _key(x: np.ndarray, f: np.ndarray) -> tuple[bytes, bytes]:
    return x.tobytes(), f.tobytes()
