"""Studies side by side: fronts over each other, tables with differences, as ``csmoifsa ev compare`` makes them."""

from __future__ import annotations

import shlex
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from csmoifsa.errors import InputError
from csmoifsa.text import visible
from csmoifsa_app.actions import zip_answer
from csmoifsa_app.folder import RESULT, StudyFolder
from csmoifsa_app.pages import labels, language_of, render, studies_of
from csmoifsa_energy.page import page_texts

if TYPE_CHECKING:  # else imported at first use, with pandas and matplotlib: the first page does not need them
    from csmoifsa_ev.output.beside import Beside

MOST = 12
"""Largest number of studies side by side."""


def side_by_side(request: Request) -> Response:
    """Return the page of the studies that the address names."""
    from csmoifsa_ev.output.beside import page_data

    try:
        folders, beside = _chosen(request)
    except InputError as error:
        return RedirectResponse(f"/?{urlencode({'fault': str(error)})}", 303)
    data = page_data(beside, labels(language_of(request)))
    places = " ".join(shlex.quote(str(one.path / RESULT)) for one in folders)
    return render(
        request, "beside.html.j2", data, more=page_texts("csmoifsa_ev.output", "beside", language_of(request)),
        studies=[(one.path.name, visible(one.title)) for one in folders], selected="studies",
        query=request.url.query, command=f"csmoifsa ev compare {places} --out compared",
    )  # fmt: skip


async def side_by_side_files(request: Request) -> Response:
    """Return tables and page of the comparison as one ZIP archive."""
    language = language_of(request)

    def pack() -> Response:
        from csmoifsa_ev.output.beside import write_beside

        _, beside = _chosen(request)
        with TemporaryDirectory() as place:
            folder = Path(place) / "compared"
            names = write_beside(beside, folder, language=language)
            return zip_answer("side-by-side", {name: folder / name for name in names})

    return await run_in_threadpool(pack)


def _chosen(request: Request) -> tuple[list[StudyFolder], Beside]:
    """Return the studies that the address names, each once, and their results; raises `InputError` below two."""
    from csmoifsa_ev.output.beside import Beside
    from csmoifsa_ev.output.finished import read_finished

    ids = list(dict.fromkeys(request.query_params.getlist("study")))
    if not 2 <= len(ids) <= MOST:
        raise InputError(f"choose 2 to {MOST} studies with a result, not {len(ids)}")
    folders = [studies_of(request).get(id) for id in ids]
    titles = [visible(one.title) for one in folders]
    names = [f"{title} ({id})" if titles.count(title) > 1 else title for title, id in zip(titles, ids, strict=True)]
    found = []
    for folder, name in zip(folders, names, strict=True):
        try:
            found.append(read_finished(folder.path / RESULT, name))
        except InputError as error:
            raise InputError(f"{name}: {folder.shortened(str(error))}") from None
    return folders, Beside(found)
