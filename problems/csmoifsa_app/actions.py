"""What the pages' buttons, fields and sliders do, and what their scripts ask for."""

from __future__ import annotations

import asyncio
import io
import re
import threading
import zipfile
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response, StreamingResponse

from csmoifsa.errors import InputError
from csmoifsa.files import parse_json
from csmoifsa.text import json_text
from csmoifsa_app.base_folder import EDITS, ChangedError, InputFolder, NotThereError
from csmoifsa_app.case_folder import CaseFolder
from csmoifsa_app.fields import set_value
from csmoifsa_app.folder import RESULT, StudyFolder
from csmoifsa_app.pages import any_study_of, first_page, jobs_of, labels, language_of, studies_of, study_of
from csmoifsa_energy.explain import check_values
from csmoifsa_energy.page import LANGUAGES
from csmoifsa_energy.paper import find_browser, print_page
from csmoifsa_ev.model.outcome import OBJECTIVE_SETS

if TYPE_CHECKING:
    from csmoifsa_app.what_if import WhatIf

_first_use = threading.Lock()

PAGES = ("data", "assumptions", "portfolio", "replay")
"""Pages on which the last change of the input file can be undone."""

EVENT_SECONDS = 0.2
"""Time between two looks at a search that is watched [s]."""

REPORT_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
    "frame-ancestors 'self'; sandbox allow-scripts allow-downloads allow-modals"
)
"""Content-Security-Policy of a ``report.html``, whose scripts stand in the page: it runs apart from the app."""


async def posted(request: Request) -> dict[str, object]:
    """Return the JSON object that a script sent."""
    values = parse_json((await request.body()).decode("utf-8", "replace"), "the request", "body")
    if not isinstance(values, dict):
        raise InputError("the request must be an object")
    return values


async def _form_text(request: Request, name: str) -> str:
    async with request.form(max_files=1, max_fields=10) as form:
        value = form.get(name)
    return value if isinstance(value, str) else ""


async def new(request: Request) -> Response:
    """Begin a study with a bundled case or an uploaded file: of a tariff, or of an aggregator's day."""
    studies, page = studies_of(request), "assumptions"
    aggregator = request.query_params.get("kind") == "aggregator"
    from_file = studies.new_from_case_file if aggregator else studies.new_from_file
    async with request.form(max_files=1, max_fields=10) as form:
        file, case = form.get("file"), form.get("case")
        try:
            if isinstance(file, UploadFile) and file.filename:
                id, page = await run_in_threadpool(from_file, file.filename, await file.read()), "data"
            else:
                id = await run_in_threadpool(
                    studies.new_from_case, str(case), CaseFolder if aggregator else StudyFolder
                )
        except InputError as error:
            return RedirectResponse(f"/?{urlencode({'fault': str(error)})}", 303)
    return RedirectResponse(f"/cases/{id}/portfolio" if aggregator else f"/studies/{id}/{page}", 303)


async def duplicate(request: Request) -> Response:
    """Copy a study."""
    study = any_study_of(request)
    title = f"{study.title} ({labels(language_of(request))['copy']})"
    await run_in_threadpool(studies_of(request).duplicate, request.path_params["id"], title)
    return RedirectResponse("/", 303)


async def rename(request: Request) -> Response:
    """Give a study another title."""
    await run_in_threadpool(studies_of(request).rename, request.path_params["id"], await _form_text(request, "title"))
    return RedirectResponse("/", 303)


async def delete(request: Request) -> Response:
    """Delete a study; the list then offers to undo it."""
    id = request.path_params["id"]
    if id in jobs_of(request).running():
        await run_in_threadpool(jobs_of(request).cancel, id)
    await run_in_threadpool(studies_of(request).delete, id)
    return RedirectResponse(f"/?deleted={id}", 303)


async def restore(request: Request) -> Response:
    """Undo a deletion."""
    await run_in_threadpool(studies_of(request).restore, request.path_params["id"])
    return RedirectResponse("/", 303)


async def undo(request: Request) -> Response:
    """Exchange the input file with that before its last change, and lead back to the page."""
    folder, page = any_study_of(request), await _form_text(request, "page")
    await run_in_threadpool(folder.undo)
    first = first_page(folder)
    return RedirectResponse(f"{first.rpartition('/')[0]}/{page}" if page in PAGES else first, 303)


async def set_language(request: Request) -> Response:
    """Keep the language of the pages in a cookie, and lead back to the page."""
    async with request.form(max_files=0, max_fields=10) as form:
        language, here = str(form.get("language") or ""), str(form.get("here") or "")
    answer = RedirectResponse(here if re.fullmatch(r"/(?![/\\])[\w/?=&.%-]*", here) else "/", 303)
    if language in LANGUAGES:
        answer.set_cookie("csmoifsa-language", language, samesite="strict", httponly=True)
    return answer


# ------------------------------------------------------------------------------------------------------- assumptions
async def set_assumption(request: Request) -> Response:
    """Set or reset one key of an input file; a value with a fault is not written, and the fault comes back.

    ``was`` is the value that the page showed: if the file holds another one by now, nothing is written.
    """
    folder, values = any_study_of(request), await posted(request)
    return JSONResponse(await run_in_threadpool(_set_assumption, folder, values))


def _set_assumption(folder: InputFolder, values: dict[str, object]) -> dict[str, object]:
    key, entered, was = (values.get(name) for name in ("key", "value", "was"))
    with EDITS:
        field = next((one for one in folder.form() if one.key == key), None)
        if field is None or not (entered is None or isinstance(entered, str)):
            raise InputError(f"there is no key {key!r} with a value to set")
        if was is not None and was != field.value:
            raise ChangedError(f"{key} was changed elsewhere since this page was loaded, to {field.value or 'nothing'}")
        folder.try_change(set_value(folder.text, field, entered))
    changed = next((one for one in folder.form() if one.key == key), field)
    return {"field": asdict(changed), **_state(folder)}


def _state(folder: InputFolder) -> dict[str, object]:
    """Return what a page of assumptions shows: version, text, faults, and each field's value and whether it differs."""
    with EDITS:
        form = {one.key: [one.value, one.changed] for one in folder.form()}
        return {"version": folder.version, "text": folder.text, "faults": folder.faults(), "form": form}


async def form_state(request: Request) -> Response:
    """Return what a page of assumptions shows, for a page that another one's changes are to reach."""
    return JSONResponse(await run_in_threadpool(_state, any_study_of(request)))


async def set_text(request: Request) -> Response:
    """Replace the text of an input file; a text with faults is not written, and the faults come back.

    ``version`` is that of the text which the page was loaded with: if the file has another one by now, nothing is
    written.
    """
    folder, values = any_study_of(request), await posted(request)
    text = values.get("text")
    if not isinstance(text, str):
        raise InputError("the request must hold a text")

    def write() -> None:
        with EDITS:
            folder.expect(values.get("version"))
            folder.check_change(text)

    await run_in_threadpool(write)
    return JSONResponse({"saved": True})


# ----------------------------------------------------------------------------------------------------------- what if
def _what_if(request: Request) -> WhatIf:
    """Return what evaluates tariffs; it is imported at first use, since it loads the compiler and scipy."""
    from csmoifsa_app.what_if import WhatIf

    with _first_use:
        if request.app.state.what_if is None:
            request.app.state.what_if = WhatIf()
    return request.app.state.what_if


async def day(request: Request) -> Response:
    """Return what the sliders begin with."""
    folder = study_of(request)
    return JSONResponse(await run_in_threadpool(lambda: _what_if(request).start(folder)))


async def evaluate(request: Request) -> Response:
    """Return the effects of a tariff."""
    folder, values = study_of(request), await posted(request)
    return JSONResponse(await run_in_threadpool(lambda: _what_if(request).evaluate(folder, values.get("tariff"))))


# ------------------------------------------------------------------------------------------------------------ search
async def start_search(request: Request) -> Response:
    """Start a search with the settings of the form, or go on with a paused one."""
    folder, values = study_of(request), await posted(request)
    id, jobs = request.path_params["id"], jobs_of(request)

    def begin() -> None:
        search = folder.search
        if search.state != "paused" and id not in jobs.running():
            names = ("objectives", "n_eval", "pop_size", "seed")
            changed = {name: values[name] for name in names if name in values}
            new = check_values(type(search), {**asdict(search), **changed}, "", strict=False)
            if new.objectives not in OBJECTIVE_SETS:
                raise InputError(f"objectives must be one of {', '.join(OBJECTIVE_SETS)}")
            folder.discard_search()
            folder.write_search(replace(new, state="new"))
        jobs.start(id, language_of(request))

    await run_in_threadpool(begin)
    return JSONResponse({"started": True})


def _on_search(act: str) -> Callable[[Request], object]:
    async def answer(request: Request) -> Response:
        await run_in_threadpool(getattr(jobs_of(request), act), any_study_of(request).path.name)
        return JSONResponse({act: True})

    return answer


pause_search, cancel_search = _on_search("pause"), _on_search("cancel")


async def events(request: Request) -> Response:
    """Return the reports of a search as they come, as server-sent events; ends when the search does."""
    id, jobs = any_study_of(request).path.name, jobs_of(request)

    async def stream() -> AsyncIterator[str]:
        sent = None
        while True:
            version, report = await run_in_threadpool(jobs.report, id)
            if (version, report["state"]) != sent:
                sent = (version, report["state"])
                yield f"data: {json_text(report, ascii_only=True)}\n\n"
            if report["state"] != "running" or await request.is_disconnected():
                return
            await asyncio.sleep(EVENT_SECONDS)

    return StreamingResponse(stream(), media_type="text/event-stream")


# --------------------------------------------------------------------------------------------------------- take away
async def report(request: Request) -> Response:
    """Return the report of the result, apart from the app's own pages."""
    return send_report(study_of(request), RESULT)


def send_report(folder: InputFolder, result: str) -> Response:
    """Return the report in a folder of results."""
    return _file(folder, f"{result}/report.html", {"content-security-policy": REPORT_POLICY})


async def pdf(request: Request) -> Response:
    """Return a report as a PDF, printed anew with a browser of this machine, as ``csmoifsa ev price --pdf`` does."""
    folder, result = any_study_of(request), request.path_params["result"]
    page = folder.files().get(f"{result}/report.html") if result in folder.RESULTS else None
    if page is None:
        raise NotThereError(result)

    def printed() -> bytes:
        try:
            find_browser()
        except InputError:
            raise InputError(
                "a PDF needs Chromium, Chrome or Edge on the machine of the program, and none was found; open the "
                "whole report and print it to a PDF in your browser"
            ) from None
        with TemporaryDirectory() as place:
            fault = print_page(page, Path(place) / "report.pdf")
            if fault is not None:
                raise InputError(fault)
            return (Path(place) / "report.pdf").read_bytes()

    headers = {"content-disposition": f'attachment; filename="{result}-{folder.path.name}.pdf"'}
    return Response(await run_in_threadpool(printed), media_type="application/pdf", headers=headers)


async def file(request: Request) -> Response:
    """Return one file of a study: a picture to show, all else to download."""
    name = request.path_params["name"]
    kind = "inline" if name.endswith(".png") else "attachment"
    return _file(any_study_of(request), name, {"content-disposition": kind})


def _file(folder: InputFolder, name: str, headers: dict[str, str]) -> Response:
    path = folder.files().get(name)  # a name is looked up among those that are there, never made a path
    if path is None:
        raise NotThereError(name)
    kind = headers.get("content-disposition")
    if kind == "attachment":
        return FileResponse(path, filename=path.name, content_disposition_type=kind)
    return FileResponse(path, headers=headers)


async def archive(request: Request) -> Response:
    """Return all files of a study as one ZIP archive."""
    folder = any_study_of(request)
    texts = {"command.txt": folder.command + "\n"}
    return await run_in_threadpool(lambda: zip_answer(f"study-{folder.path.name}", folder.files(), texts))


def zip_answer(name: str, files: Mapping[str, Path], texts: Mapping[str, str] | None = None) -> Response:
    """Return files by their names in a ZIP archive, and further texts, to be saved under a name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for inside, path in files.items():
            packed.write(path, inside)
        for inside, text in (texts or {}).items():
            packed.writestr(inside, text)
    headers = {"content-disposition": f'attachment; filename="{name}.zip"'}
    return Response(buffer.getvalue(), media_type="application/zip", headers=headers)
