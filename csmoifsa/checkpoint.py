"""Checkpoints of a run: one npz file of plain arrays and a JSON text, written atomically, without pickle.

The file ends with the SHA-256 of all bytes before it, as the zip archive's comment, so that any damage is noticed. The
checksum does not prove who wrote the file: everything is checked as if it were forged (the arrays by `csmoifsa.npy`,
their values by `csmoifsa.states`).
"""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from csmoifsa import npy
from csmoifsa.errors import InputError
from csmoifsa.files import atomic_write, read_bytes

if TYPE_CHECKING:
    from csmoifsa.typing import Json

Facts: TypeAlias = dict[str, Any]
"""Values of a checkpoint beside its arrays, by name; whoever reads a file checks their types."""

FORMAT = "csmoifsa-checkpoint"
VERSION = 3
_MARK = b"sha256:"
_COMMENT = len(_MARK) + 64


def write_checkpoint(path: str | Path, facts: Mapping[str, Json], arrays: dict[str, np.ndarray]) -> None:
    """Write a checkpoint; an undamaged one that it replaces is kept as ``<name>.previous``, a damaged one is not.

    Parameters
    ----------
    path : path
        The checkpoint file; its folder must exist.
    facts : dict
        Values that JSON can hold.
    arrays : dict of arrays
        Arrays of the number types in `csmoifsa.npy.TYPES`.

    Raises
    ------
    InputError
        The file cannot be written; an earlier one of that name stays as it was.
    """
    path = Path(path)
    text = json.dumps({"format": FORMAT, "version": VERSION, **facts}, allow_nan=False)
    members = {"facts": np.frombuffer(text.encode(), np.uint8), **{f"array_{k}": a for k, a in arrays.items()}}
    try:
        if path.is_file() and _is_whole(path.read_bytes()):
            _keep_as_previous(path)
    except OSError as error:
        raise InputError(f"cannot keep {path} as {previous(path).name}: {error.strerror or error}") from error
    with atomic_write(path, "wb") as file:
        file.write(_archive(members))


def read_checkpoint(path: str | Path) -> tuple[Facts, dict[str, np.ndarray]]:
    """Return the facts and the arrays by name of a checkpoint.

    Raises
    ------
    InputError
        The file is missing, truncated, corrupt, from another program or from another version.
    """
    path = Path(path)
    spare = previous(path)
    hint = f"; the one before it is {spare}" if spare.exists() else ""
    if not os.path.exists(path):
        raise InputError(f"there is no checkpoint {path}{hint}")
    return _parse(read_bytes(path, "checkpoint", os.path.getsize(path)), path, hint)


def _parse(content: bytes, path: Path, hint: str = "") -> tuple[Facts, dict[str, np.ndarray]]:
    damaged = f"{path} is not a whole checkpoint: it is truncated, corrupt, another file or of version 1{hint}"
    if not _is_whole(content):
        raise InputError(damaged)
    try:
        columns = _members(content)
        facts = json.loads(columns.pop("facts").tobytes())
    except Exception as error:  # zipfile and json raise a dozen kinds for damaged bytes
        raise InputError(damaged) from error
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise InputError(f"{path} is not a checkpoint of this program{hint}")
    if facts.get("version") != VERSION:
        found = str(facts.get("version"))[:20]
        raise InputError(f"{path} has checkpoint version {found}, this program reads {VERSION}{hint}")
    return facts, {name.removeprefix("array_"): array for name, array in columns.items()}


def previous(path: Path) -> Path:
    """Return the path at which the last checkpoint but one of ``path`` is kept."""
    return path.with_name(path.name + ".previous")


def _keep_as_previous(path: Path) -> None:
    """Hard-link the file as ``<name>.previous``; copy it where the file system has no hard links."""
    spare = previous(path)
    part = spare.with_name(spare.name + ".part")
    part.unlink(missing_ok=True)
    try:
        try:
            os.link(path, part)
        except OSError:  # exFAT and some network drives
            shutil.copyfile(path, part)
        os.replace(part, spare)
    finally:
        part.unlink(missing_ok=True)


def _archive(members: dict[str, np.ndarray]) -> bytes:
    """Return arrays as an uncompressed zip archive that `numpy.load` reads, its checksum in the comment."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, array in members.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), npy.pack(array))
        archive.comment = _MARK + b"0" * 64
    body = buffer.getvalue()[:-_COMMENT]
    return body + _MARK + sha256(body).hexdigest().encode()


def _is_whole(content: bytes) -> bool:
    return content[-_COMMENT:] == _MARK + sha256(content[:-_COMMENT]).hexdigest().encode()


def _members(content: bytes) -> dict[str, np.ndarray]:
    """Return name -> array of an archive whose members are plain, each once, and together no longer than the file."""
    found: dict[str, np.ndarray] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > len(content):
            raise ValueError("the members announce more bytes than the file has")
        for member in members:
            name = member.filename.removesuffix(".npy")
            if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 0x1 or name in found:
                raise ValueError(f"the member {member.filename!r} is compressed, encrypted or there twice")
            found[name] = npy.unpack(archive.read(member))
    return found
