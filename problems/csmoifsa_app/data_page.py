"""The page of a study's data: files to drop, what was recognised in them, faults with buttons that mend them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from urllib.parse import urlencode
from zoneinfo import available_timezones

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from csmoifsa.errors import InputError
from csmoifsa.text import visible
from csmoifsa_app.pages import labels, language_of, study_of, study_page
from csmoifsa_app.recognised import Recognised, recognise
from csmoifsa_app.sources import SOURCES, mend, source_named, store, take_out
from csmoifsa_energy.readers.faults import Fault, Remedy, Setting, faults_of

MOST_BUTTONS = 6
"""Largest number of values of a remedy that have a button each; more are a list to choose from."""


def data(request: Request) -> Response:
    """Return the page of a study's data."""
    folder, texts = study_of(request), labels(language_of(request))
    found: list[Recognised] = []
    try:
        found = recognise(folder)
    except InputError as error:
        others = [replace(one, sentence=folder.shortened(one.sentence)) for one in faults_of(error)]
    known = {one.sentence for part in found for one in part.faults}
    facts = None
    if known:
        others = [Fault(one) for one in folder.faults() if one not in known]
    elif found:
        others, _, facts = folder.inspect()
    query = request.query_params
    at = query.get("at", "")
    refusal = {at if at in SOURCES else "": visible(query.get("fault", ""))[:500]}
    return study_page(
        request, folder, "data.html.j2", {"plots": {one.source.name: one.plot for one in found if one.plot}},
        found=[_card(one, texts) for one in found], others=[_fault(one, texts) for one in others], facts=facts,
        refusal=refusal, zones=_zones(), selected="data",
    )  # fmt: skip


async def upload(request: Request) -> Response:
    """Store an uploaded data file."""
    folder, source = study_of(request), source_named(request.path_params["source"])
    async with request.form(max_files=1, max_fields=10) as form:
        file = form.get("file")
        name, content = (file.filename or "", await file.read()) if isinstance(file, UploadFile) else ("", b"")
    return await _done(request, lambda: store(folder, source, name, content), source.name)


async def remove(request: Request) -> Response:
    """Take a data file out of the scenario."""
    folder, source = study_of(request), source_named(request.path_params["source"])
    return await _done(request, lambda: take_out(folder, source), source.name)


async def mend_fault(request: Request) -> Response:
    """Set what a remedy sets, and read anew."""
    folder = study_of(request)
    async with request.form(max_files=0, max_fields=50) as form:
        texts = [[one for one in form.getlist(name) if isinstance(one, str)] for name in ("path", "value")]
    paths = [_path(one) for one in texts[0]]
    at = next((one.name for one in SOURCES.values() if paths and tuple(paths[0][: len(one.table)]) == one.table), "")
    values = list(zip(paths, texts[1], strict=False))
    return await _done(request, lambda: mend(folder, values), at)


async def _done(request: Request, act: Callable[[], None], at: str) -> Response:
    """Do something and lead back to the page, with the sentence of a fault if there is one."""
    query = ""
    try:
        await run_in_threadpool(act)
    except InputError as error:
        query = "?" + urlencode({"fault": study_of(request).shortened(str(error)), "at": at})
    return RedirectResponse(f"/studies/{request.path_params['id']}/data{query}{f'#{at}' if at else ''}", 303)


def _path(text: str) -> list[str]:
    try:
        path = json.loads(text)
    except ValueError:
        path = None
    if not isinstance(path, list) or not path or not all(isinstance(one, str) for one in path):
        raise InputError("the request names no key")
    return path


def _card(found: Recognised, texts: Mapping[str, object]) -> dict[str, object]:
    """Return what the template shows of one kind of data."""
    periods, names = texts["periods"], texts["facts"]
    assert isinstance(periods, dict)
    assert isinstance(names, dict)
    names = periods | names
    return {
        "name": found.source.name,
        "suffixes": ",".join(found.source.suffixes),
        "file": found.file,
        "called": found.called,
        "faults": [_fault(one, texts) for one in found.faults],
        "notes": found.notes,
        "facts": [(names.get(name, name), value) for name, value in found.facts if value],
        "plot": found.plot is not None,
        "head": [[visible(cell) for cell in row] for row in found.head],
    }


def _fault(fault: Fault, texts: Mapping[str, object]) -> dict[str, object]:
    return {"sentence": visible(fault.sentence), "remedies": [_remedy(one, texts) for one in fault.remedies]}


def _remedy(remedy: Remedy, texts: Mapping[str, object]) -> dict[str, object]:
    settings = [_setting(one, texts) for one in remedy.settings]
    few = len(settings) == 1 and 0 < len(remedy.settings[0].values) <= MOST_BUTTONS
    return {"settings": settings, "buttons": few}


def _setting(setting: Setting, texts: Mapping[str, object]) -> dict[str, object]:
    """Return label, kind of field and labelled values of a setting."""
    settings, choices = texts["settings"], texts["choices"]
    assert isinstance(settings, dict)
    assert isinstance(choices, dict)
    name = setting.path[-1]
    shown = choices.get(name, {}) if len(setting.path) < 3 or setting.path[-2] != "only" else {}
    values = [str(one).lower() if isinstance(one, bool) else str(one) for one in setting.values]
    kind = "zone" if name.endswith("_zone") else "date" if name.endswith("day") else "text"
    if name == "first_day" and values:  # the last day is then that of the file
        shown = {value: str(texts["all_days_from"]).replace("{day}", value) for value in values}
    return {
        "path": json.dumps(setting.path),
        "label": "" if shown and name == "first_day" else settings.get(name, visible(name)),
        "kind": kind,
        "values": [(value, shown.get(value, visible(value))) for value in values],
    }


@cache
def _zones() -> list[str]:
    return sorted(available_timezones())
