"""The pages: HTML from templates, with the data and labels that their scripts draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from csmoifsa import __version__
from csmoifsa.errors import InputError
from csmoifsa.text import script_json, visible
from csmoifsa_app.base_folder import ChangedError, InputFolder
from csmoifsa_app.case_folder import DAY, CaseFolder
from csmoifsa_app.folder import RESULT, StudyFolder
from csmoifsa_app.jobs import Jobs
from csmoifsa_app.studies import Entry, Studies
from csmoifsa_energy.page import LANGUAGES, page_texts
from csmoifsa_energy.readers.faults import faults_of
from csmoifsa_ev.model.outcome import OBJECTIVE_SETS
from csmoifsa_ev.output.labels import price_labels

KEY_FIGURES = ("g1_mw", "g2_mw", "operator_profit_per_day", "driver_bill_per_day")


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("csmoifsa_app"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def labels(language: str) -> dict[str, object]:
    """Return all labels of the app, those of the report among them."""
    report = page_texts("csmoifsa_ev.output", "price", language, ("charts",))
    return page_texts("csmoifsa_app", "app", language) | report


def language_of(request: Request) -> str:
    """Return the language of the page: that of the cookie, else the browser's first that there is."""
    wanted = request.cookies.get("csmoifsa-language", "")
    if wanted in LANGUAGES:
        return wanted
    accepted = [part.strip()[:2].lower() for part in request.headers.get("accept-language", "").split(",")]
    return next((one for one in accepted if one in LANGUAGES), "en")


def render(
    request: Request,
    template: str,
    data: dict[str, object],
    status: int = 200,
    more: Mapping[str, object] | None = None,
    **values: object,
) -> Response:
    """Return a page; ``data`` is what its scripts read, ``values`` what its template shows, ``more`` further labels."""
    language = language_of(request)
    texts = labels(language) | dict(more or {})
    page = (
        _environment()
        .get_template(template)
        .render(
            **values,
            texts=texts,
            language=language,
            version=__version__,
            data=script_json({**data, "texts": texts, "language": language}),
            here=f"{request.url.path}?{request.url.query}".rstrip("?") if request.method == "GET" else "/",
        )
    )
    return HTMLResponse(page, status)


def studies_of(request: Request) -> Studies:
    """Return the studies of the program."""
    return request.app.state.studies


def jobs_of(request: Request) -> Jobs:
    """Return the searches of the program."""
    return request.app.state.jobs


def any_study_of(request: Request) -> InputFolder:
    """Return the study of any kind that the address names; raises `NotThereError` if there is none."""
    return studies_of(request).get(request.path_params["id"], InputFolder)


def study_of(request: Request) -> StudyFolder:
    """Return the study that the address names; raises `NotThereError` if there is none."""
    return studies_of(request).get(request.path_params["id"])


def home(request: Request) -> Response:
    """Return the list of studies."""
    request.app.state.opened.set()
    jobs = jobs_of(request)
    rows = [_row(entry, jobs) for entry in studies_of(request).list()]
    deleted = request.query_params.get("deleted", "")
    return render(
        request, "studies.html.j2", {}, rows=rows, cases=_cases(StudyFolder), aggregators=_cases(CaseFolder),
        deleted=deleted if deleted.isalnum() else "",
        fault=visible(request.query_params.get("fault", ""))[:500], selected="studies",
    )  # fmt: skip


def assumptions(request: Request) -> Response:
    """Return the form of a study's scenario."""
    folder = study_of(request)
    found, notes, facts = folder.inspect()
    faults = [one.sentence for one in found]
    try:
        form = folder.form()
    except InputError as error:
        form, faults = [], list(dict.fromkeys([folder.shortened(str(error)), *faults]))
    sections: dict[str, list[object]] = {}
    for one in form:
        sections.setdefault(one.key.rpartition(".")[0], []).append(one)
    return study_page(
        request, folder, "assumptions.html.j2", {"faults": faults, "version": folder.version}, sections=sections,
        faults=faults, notes=notes, facts=facts, text=folder.text, selected="assumptions",
    )  # fmt: skip


def what_if(request: Request) -> Response:
    """Return the page of sliders; its script asks for the numbers."""
    return study_page(request, study_of(request), "what_if.html.j2", {}, selected="what-if")


def search(request: Request) -> Response:
    """Return the page of the search and its result."""
    folder = study_of(request)
    settings = folder.search
    summary = folder.summary()
    recommended = summary.get("recommended") if summary else None
    data: dict[str, object] = {
        "search": asdict(settings),
        "objectives": list(OBJECTIVE_SETS[settings.objectives]),
        "front": [] if summary is None or settings.state != "done" else _front(folder, settings.objectives),
        "recommended": _recommended(summary, settings.objectives),
        "money": _money(folder),
    }
    return study_page(
        request, folder, "search.html.j2", data, search=settings, sets=list(OBJECTIVE_SETS), summary=summary,
        names=price_labels(recommended if isinstance(recommended, dict) else (), labels(language_of(request))),
        files=list(folder.files()), command=folder.command, stale=folder.stale, place=str(folder.path),
        selected="search",
    )  # fmt: skip


def study(request: Request) -> Response:
    """Lead to the first page of a study."""
    return RedirectResponse(first_page(any_study_of(request)), 303)


def first_page(folder: InputFolder) -> str:
    """Return the address of the first page of a study."""
    id = folder.path.name
    return f"/cases/{id}/portfolio" if isinstance(folder, CaseFolder) else f"/studies/{id}/data"


def refused(request: Request, error: Exception) -> Response:
    """Return the sentences of an `InputError`: to a script as JSON, to a form as a page."""
    faults = [one.sentence for one in faults_of(error)] if isinstance(error, InputError) else [str(error)]
    place = f"{studies_of(request).root / str(request.path_params.get('id', ''))}/"
    sentences = [one.replace(place, "") for one in faults]
    if "text/html" in request.headers.get("accept", ""):
        return render(request, "fault.html.j2", {}, 422, selected="", sentence=visible(" ".join(sentences)))
    return JSONResponse({"fault": "\n".join(sentences)}, 409 if isinstance(error, ChangedError) else 422)


def not_found(request: Request, error: Exception) -> Response:
    """Return the page that says that there is nothing at an address."""
    return render(request, "fault.html.j2", {}, 404, selected="", sentence=labels(language_of(request))["not_found"])


def study_page(
    request: Request, folder: StudyFolder, template: str, data: dict[str, object], **values: object
) -> Response:
    """Return a page of a study, with its tabs; the rest as in `render`."""
    id = folder.path.name
    values = {"id": id, "title": visible(folder.title), "can_undo": bool(folder.previous), **values}
    return render(request, template, {**data, "id": id}, 200, None, **values)


def _row(entry: Entry, jobs: Jobs) -> dict[str, object]:
    summary = entry.folder.summary()
    after = summary.get("after") if summary else None
    units = summary.get("units") if summary else None
    figures = []
    if isinstance(after, dict) and isinstance(units, dict):
        figures = [
            {"name": name, "value": float(after[name]), "unit": str(units.get(name, "")).split(",")[0]}
            for name in KEY_FIGURES
            if isinstance(after.get(name), int | float)
        ]
    of_case = isinstance(entry.folder, CaseFolder)
    if of_case and summary:
        figures = _case_row(summary)
    picture = f"{DAY}/figures/price.png" if of_case else f"{RESULT}/figures/fig2.png"
    state = str(jobs.report(entry.id)[1]["state"])
    result = f"/cases/{entry.id}/price" if of_case else f"/studies/{entry.id}/search"
    return {
        "id": entry.id,
        "link": first_page(entry.folder) if state in ("new", "failed") else result,
        "kind": "aggregator" if of_case else "tariff",
        "title": visible(entry.folder.title),
        "date": datetime.fromtimestamp(entry.created).strftime("%Y-%m-%d %H:%M"),
        "state": state,
        "figures": figures,
        "picture": picture if (entry.folder.path / picture).is_file() else "",
    }


def _case_row(found: dict[str, object]) -> list[dict[str, object]]:
    """Return the key figures of an aggregator's day."""
    unit = str(found.get("currency", ""))
    figures = [(name, found.get(name)) for name in ("objective", "upper_bound")]
    return [{"name": name, "value": float(value), "unit": unit} for name, value in figures if isinstance(value, float)]


@cache
def _cases(kind: type[InputFolder]) -> list[tuple[str, str]]:
    """Return name and title of each bundled case, the default first."""
    cases = kind.CASES
    names = sorted(cases.names(), key=lambda name: name != cases.default)
    return [(name, str(cases.read(cases.path_of(name)).get("title", name))) for name in names]


def _front(folder: StudyFolder, objectives: str) -> list[list[float]]:
    """Return the objectives of the front of a result, one tariff a row."""
    from csmoifsa_ev.output.finished import read_finished  # with pandas, which the first page does not need

    front = read_finished(folder.path / RESULT, "result").front
    return [[float(f"{value:.6g}") for value in row] for row in front[list(OBJECTIVE_SETS[objectives])].to_numpy()]


def _recommended(summary: Mapping[str, object] | None, objectives: str) -> list[float] | None:
    """Return the objectives of the recommended tariff, None where the result has others."""
    after = summary.get("after") if summary else None
    values = [after.get(name) for name in OBJECTIVE_SETS[objectives]] if isinstance(after, dict) else []
    found = [float(one) for one in values if isinstance(one, int | float)]
    return found if len(found) == len(OBJECTIVE_SETS[objectives]) else None


def _money(folder: StudyFolder) -> str:
    try:
        return folder.scenario().prices.currency
    except InputError:
        return ""
