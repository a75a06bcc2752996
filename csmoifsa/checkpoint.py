"""Saving a run and going on with it: one npz file of plain arrays and a JSON text, written atomically, no pickle."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from csmoifsa.errors import InputError
from csmoifsa.files import atomic_write

FORMAT = "csmoifsa-checkpoint"
VERSION = 1


def write_checkpoint(path: str | Path, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Write a checkpoint; the one it replaces stays beside it as ``<name>.previous``.

    Parameters
    ----------
    path : path
        Of the file; its folder must exist.
    facts : dict
        What JSON can hold.
    arrays : dict of arrays
        Numbers only.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    path = Path(path)
    if path.exists():
        spare = previous(path)
        link = spare.with_name(spare.name + ".part")
        link.unlink(missing_ok=True)
        os.link(path, link)
        os.replace(link, spare)
    text = json.dumps({"format": FORMAT, "version": VERSION, **facts}, allow_nan=False)
    columns: dict[str, Any] = {f"array_{name}": array for name, array in arrays.items()}
    with atomic_write(path, "wb") as file:
        np.savez(file, facts=np.frombuffer(text.encode(), np.uint8), **columns)


def read_checkpoint(path: str | Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read a checkpoint whole.

    Raises
    ------
    InputError
        It is missing, truncated, corrupt, from another program or from a newer version.
    """
    path = Path(path)
    spare = previous(path)
    hint = f"; the one before it is {spare}" if spare.exists() else ""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            columns = {name: file[name] for name in file.files}
        facts = json.loads(columns.pop("facts").tobytes())
    except FileNotFoundError as error:
        raise InputError(f"there is no checkpoint {path}{hint}") from error
    except (OSError, ValueError, KeyError, EOFError, AttributeError, zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a whole checkpoint: it is truncated, corrupt or another file{hint}") from error
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise InputError(f"{path} is not a checkpoint of this program{hint}")
    if facts.get("version") != VERSION:
        raise InputError(f"{path} has checkpoint version {facts.get('version')}, this program reads {VERSION}{hint}")
    return facts, {name.removeprefix("array_"): array for name, array in columns.items()}


def previous(path: Path) -> Path:
    """Return where the checkpoint before the last one is kept."""
    return path.with_name(path.name + ".previous")
