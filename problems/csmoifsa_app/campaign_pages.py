"""Pages and buttons of campaigns: the results files that are watched, and one of them as it grows."""

from __future__ import annotations

from functools import cache
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response

from csmoifsa.errors import InputError
from csmoifsa.text import visible
from csmoifsa_app.actions import REPORT_POLICY
from csmoifsa_app.base_folder import NotThereError
from csmoifsa_app.campaigns import UPLOADED, Campaigns
from csmoifsa_app.pages import language_of, render
from csmoifsa_energy.page import page_texts

LOCAL_CLIENTS = ("127.0.0.1", "::1")


@cache
def campaign_labels(language: str) -> dict[str, object]:
    """Return the labels of the pages of campaigns, beside those of all pages."""
    return page_texts("csmoifsa_app", "campaigns", language)


def campaigns_of(request: Request) -> Campaigns:
    """Return the campaigns of the program."""
    return request.app.state.campaigns


def is_local(request: Request) -> bool:
    """Return whether the request comes from this machine: only its user may name files of it."""
    return request.client is not None and request.client.host in LOCAL_CLIENTS


def campaigns(request: Request) -> Response:
    """Return the list of results files that are watched."""
    rows = [
        {"id": one.folder.name, "place": "" if one.results.name == UPLOADED else visible(str(one.results))}
        for one in campaigns_of(request).list()
    ]
    return render(
        request, "campaigns.html.j2", {}, 200, campaign_labels(language_of(request)), rows=rows,
        local=is_local(request), fault=visible(request.query_params.get("fault", ""))[:500],
    )  # fmt: skip


async def open_campaign(request: Request) -> Response:
    """Watch a results file: one of this machine by its path, for its own user alone, or an uploaded one."""
    known = campaigns_of(request)
    async with request.form(max_files=1, max_fields=10) as form:
        file, path = form.get("file"), form.get("path")
        try:
            if isinstance(file, UploadFile) and file.filename:
                campaign = await run_in_threadpool(known.upload, await file.read())
            elif not is_local(request):
                raise InputError("files of the machine are opened by its own user; upload the results file")
            else:
                campaign = await run_in_threadpool(known.open, str(path or ""))
        except InputError as error:
            return RedirectResponse(f"/campaigns?{urlencode({'fault': str(error)})}", 303)
    return RedirectResponse(f"/campaigns/{campaign.folder.name}", 303)


def campaign(request: Request) -> Response:
    """Return the page of a campaign; its script asks for the state."""
    one = campaigns_of(request).get(request.path_params["id"])
    name = one.results.name if one.results.name != UPLOADED else one.folder.name
    return render(
        request, "campaign.html.j2", {"id": one.folder.name}, 200, campaign_labels(language_of(request)),
        id=one.folder.name, title=visible(name), place=visible(str(one.results)), command=visible(one.command),
    )  # fmt: skip


def campaign_state(request: Request) -> Response:
    """Return the state of a campaign and of its report."""
    return JSONResponse(campaigns_of(request).state(request.path_params["id"]))


async def write_report(request: Request) -> Response:
    """Begin to write the report of a campaign."""
    await run_in_threadpool(campaigns_of(request).write_report, request.path_params["id"])
    return JSONResponse({"started": True})


async def forget_campaign(request: Request) -> Response:
    """Stop watching a results file."""
    await run_in_threadpool(campaigns_of(request).forget, request.path_params["id"])
    return RedirectResponse("/campaigns", 303)


def campaign_report(request: Request) -> Response:
    """Return the report of a campaign, apart from the app's own pages."""
    path = campaigns_of(request).get(request.path_params["id"]).report
    if not path.is_file() or path.is_symlink():
        raise NotThereError(path.name)
    return FileResponse(path, headers={"content-security-policy": REPORT_POLICY})
