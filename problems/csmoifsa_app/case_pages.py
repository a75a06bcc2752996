"""Pages and buttons of an aggregator's study: portfolio and prices, price with its proof, and rolling replay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, cast
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from csmoifsa.errors import InputError
from csmoifsa.files import read_csv
from csmoifsa.text import visible
from csmoifsa_aggregator.inputs.case import Case
from csmoifsa_aggregator.inputs.market import FILES, MarketPrices
from csmoifsa_app.actions import posted, send_report
from csmoifsa_app.base_folder import EDITS, NotThereError
from csmoifsa_app.case_folder import CASE, DAY, ROLL, CaseFolder
from csmoifsa_app.fields import set_value
from csmoifsa_app.pages import jobs_of, labels, language_of, render, studies_of
from csmoifsa_energy.explain import check_values
from csmoifsa_energy.page import LANGUAGES, page_texts
from csmoifsa_energy.readers.faults import faults_of

if TYPE_CHECKING:
    from csmoifsa_aggregator.output.summary import DaySummary, RollingSummary


@cache
def case_labels(language: str) -> dict[str, object]:
    """Return the labels of the pages of an aggregator's study."""
    own, shared = page_texts("csmoifsa_app", "case", language), labels(language)
    sections = cast("dict[str, str]", shared["sections"]) | cast("dict[str, str]", own["case_sections"])
    return {**shared, **own, "sections": sections}


def case_of(request: Request) -> CaseFolder:
    """Return the study that the address names; raises `NotThereError` if there is none of an aggregator."""
    return studies_of(request).get(request.path_params["id"], CaseFolder)


def _page(request: Request, folder: CaseFolder, selected: str, data: dict[str, object], **values: object) -> Response:
    id, money = folder.path.name, _money(folder)
    return render(
        request, f"{selected}.html.j2", {**data, "id": id, "money": money}, 200, case_labels(language_of(request)),
        id=id, title=visible(folder.title), selected=selected, money=money, place=str(folder.path),
        files=list(folder.files()), command=folder.command, can_undo=bool(folder.previous), **values,
    )  # fmt: skip


def _money(folder: CaseFolder) -> str:
    try:
        return folder.case().currency
    except InputError:
        return ""


def _shortened(folder: CaseFolder, error: InputError) -> list[str]:
    return [folder.shortened(one.sentence) for one in faults_of(error)]


# --------------------------------------------------------------------------------------------------------- portfolio
def portfolio(request: Request) -> Response:
    """Return the form of a case, with the table of classes and the day of prices to draw."""
    folder = case_of(request)
    faults = folder.faults()
    try:
        form, (columns, rows), parts = folder.form(), folder.classes(), folder.parts()
    except InputError as error:
        form, columns, rows, parts = [], [], [], {}
        faults = list(dict.fromkeys([*_shortened(folder, error), *faults]))
    sections: dict[str, list[object]] = {}
    for one in form:
        sections.setdefault(one.key.rpartition(".")[0], []).append(one)
    data: dict[str, object] = {
        "faults": faults,
        "version": folder.version,
        "columns": [asdict(one) for one in columns],
        "rows": rows,
    }
    return _page(
        request, folder, "portfolio", data, sections=sections, columns=columns, faults=faults, text=folder.text,
        parts=parts,
    )  # fmt: skip


async def set_classes(request: Request) -> Response:
    """Replace the table of classes; a table with faults is not written, and they come back."""
    folder, values = case_of(request), await posted(request)
    rows = check_values(list[dict[str, str]], values.get("rows"), "rows: ", strict=False)

    def write() -> None:
        with EDITS:
            folder.expect(values.get("version"))
            folder.try_change(folder.with_classes(rows))

    await run_in_threadpool(write)
    return JSONResponse({"saved": True})


async def add_part(request: Request) -> Response:
    """Put a part of a bundled case into the case file."""
    folder = case_of(request)
    async with request.form(max_files=0, max_fields=10) as form:
        part = str(form.get("part") or "")
    await run_in_threadpool(folder.add_part, part)
    return RedirectResponse(f"/cases/{folder.path.name}/portfolio#s-{part}", 303)


async def read_cars(request: Request) -> Response:
    """Return the classes of an uploaded list of cars, for the page's table; nothing is saved yet."""
    folder = case_of(request)
    async with request.form(max_files=1, max_fields=10) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile) or not file.filename:
            raise InputError("choose a list of cars first")
        name, content = file.filename, await file.read()
    named = [cast("dict[str, str]", page_texts("csmoifsa_app", "case", one)["class_names"]) for one in LANGUAGES]
    labels = {label: key for one in named for key, label in one.items()}
    return JSONResponse({"rows": await run_in_threadpool(folder.read_cars, name, content, labels)})


# ------------------------------------------------------------------------------------------------- price with a proof
def price(request: Request) -> Response:
    """Return the page of the price: the proof as it grows, then its result."""
    folder = case_of(request)
    found, money = cast("DaySummary | None", folder.summary()), _money(folder)
    figures = []
    if found is not None:
        names = ("objective", "upper_bound", "bills", "procurement")
        figures = [(name, f"{found[name]:,.2f}", money) for name in names]
        figures.insert(2, ("gap", f"{100 * found['gap']:.4g}" if found["status"] != "proven" else "0", "%"))
        if "contracts" in found:
            figures.append(("surplus", f"{found['contracts']['surplus']:,.2f}", money))
    return _page(
        request, folder, "price", {"search": asdict(folder.search)}, search=folder.search, summary=found,
        figures=figures, stale=folder.stale_result(DAY),
    )  # fmt: skip


async def start_run(request: Request) -> Response:
    """Start a run with the settings of the form; those that it leaves out stay."""
    folder, values = case_of(request), await posted(request)

    def begin() -> None:
        search = folder.search
        if search.state != "running":
            kinds = {"margin": float, "time_limit": float}
            given = {name: value for name, value in values.items() if name in asdict(search)}
            for name in kinds.keys() & given.keys():
                text = str(given[name]).strip()
                given[name] = None if name == "margin" and not text else text
            new = check_values(type(search), {**asdict(search), **given}, "", strict=False)
            folder.write_search(replace(new, state=search.state, fault="", language=search.language))
        jobs_of(request).start(folder.path.name, language_of(request))

    await run_in_threadpool(begin)
    return JSONResponse({"started": True})


async def report(request: Request) -> Response:
    """Return the report of the day or of the rolling test, apart from the app's own pages."""
    result = request.path_params["result"]
    if result not in (DAY, ROLL):
        raise NotThereError(result)
    return send_report(case_of(request), result)


# ------------------------------------------------------------------------------------------------------------- replay
def replay(request: Request) -> Response:
    """Return the page of the rolling test: its price files, its settings, and its days step by step."""
    folder = case_of(request)
    texts, markets, dates, named, nodes = case_labels(language_of(request)), {}, [], {}, {}
    fault = refusal = visible(request.query_params.get("fault", ""))[:500]
    try:
        case = folder.case()
        own = {which: getattr(case.roll, which) for which in FILES}
        nodes = {which: str(one.get("node", "")) for which, one in own.items()}
        named = {which: str(one["csv"]).removeprefix(f"{folder.path}/") for which, one in own.items() if "csv" in one}
        if len(named) == len(FILES):
            found = folder.markets_of(case)
            markets = {which: _told(one, texts) for which, one in zip(FILES, found[:2], strict=True)}
            dates = [str(one) for one in found[0].days]
    except InputError as error:
        fault = refusal or " ".join(_shortened(folder, error))
    summary = cast("RollingSummary | None", folder.read_summary(ROLL))
    days: list[str] = []
    figures = []
    if summary is not None and (folder.path / ROLL / "replay.csv").is_file():
        node = summary["nodes"][0]
        days = [str(one) for one in dict.fromkeys(read_csv(folder.path / ROLL / "days.csv")["day"])]
        rho = "–" if node["rho"] is None else f"{100 * node['rho']:.1f}"
        figures = [("days", str(node["days"]), ""), ("rho", rho, "%")]
        figures.append(("gain_per_day", f"{node['gain_per_day']:,.2f}", summary["currency"]))
    return _page(
        request, folder, "replay", {"search": asdict(folder.search), "days": days}, search=folder.search,
        market_fault=fault, markets=markets, named=named, nodes=nodes, price_days=dates, days=days, figures=figures,
        stale=folder.stale_result(ROLL),
    )  # fmt: skip


def _told(prices: MarketPrices, texts: dict[str, object]) -> str:
    """Return in words what a file of prices holds."""
    days = prices.days
    text = str(texts["file_holds"]).format(
        days=len(days), first=days[0], last=days[-1], minutes=round(prices.step / timedelta(minutes=1))
    )
    return text + (f", {str(texts['file_node']).format(node=prices.node)}" if prices.node else "")


async def add_prices(request: Request) -> Response:
    """Keep an uploaded file of prices and name it in the case."""
    folder, which = case_of(request), request.path_params["which"]
    async with request.form(max_files=1, max_fields=10) as form:
        file = form.get("file")
        name, content = (file.filename or "", await file.read()) if isinstance(file, UploadFile) else ("", b"")
    return await _done(folder, lambda: folder.add_prices(which, name, content), "replay")


async def _done(folder: CaseFolder, act: Callable[[], None], page: str) -> Response:
    """Do something and lead to a page; with the sentence of a fault to the page of price files."""
    query = ""
    try:
        await run_in_threadpool(act)
    except InputError as error:
        page, query = "replay", "?" + urlencode({"fault": " ".join(_shortened(folder, error))})
    return RedirectResponse(f"/cases/{folder.path.name}/{page}{query}", 303)


async def set_node(request: Request) -> Response:
    """Set the node of a file of prices."""
    folder, which = case_of(request), request.path_params["which"]
    if which not in FILES:
        raise NotThereError(which)
    async with request.form(max_files=0, max_fields=10) as form:
        node = str(form.get("node") or "").strip()
    return await _done(folder, lambda: folder.set_prices(which, {"node": node}), "replay")


async def take_day(request: Request) -> Response:
    """Put the day-ahead prices of a day of the file into the case."""
    folder = case_of(request)
    async with request.form(max_files=0, max_fields=10) as form:
        day = str(form.get("day"))

    def write() -> None:
        with EDITS:
            field = next(one for one in folder.form() if one.key == "market.day_ahead")
            folder.try_change(set_value(folder.text, field, _prices_of(folder, folder.case(), day)))

    return await _done(folder, write, "portfolio")


def _prices_of(folder: CaseFolder, case: Case, day: str) -> str:
    """Return the day-ahead prices of a day at the case's own step, as the form shows them."""
    ahead = folder.markets_of(case)[0]
    own = ahead.at_step(timedelta(hours=case.game.dt_h))
    try:
        begin = datetime.fromisoformat(day)
    except ValueError:
        raise InputError(f"there is no day {day[:20]!r} in the file of day-ahead prices") from None
    return ", ".join(f"{value:.9g}" for value in own.window(begin, case.game.n_steps))


def steps(request: Request) -> Response:
    """Return one rolled day step by step; tables are read with pandas, which is imported at first use."""
    from csmoifsa_aggregator.output.replay import replay_day

    folder = case_of(request)
    if not (folder.path / ROLL / "replay.csv").is_file():
        raise NotThereError(CASE)
    return JSONResponse(replay_day(folder.path / ROLL, request.query_params.get("day", "")))
