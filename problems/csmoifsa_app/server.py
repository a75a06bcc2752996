"""Addresses of the app, and the server that answers at them."""

from __future__ import annotations

import importlib
import secrets
import socket
import threading
import time
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from csmoifsa.console import stdout
from csmoifsa.errors import InputError
from csmoifsa_app import actions, beside_page, campaign_pages, case_pages, data_page, pages
from csmoifsa_app.base_folder import NotThereError
from csmoifsa_app.campaigns import Campaigns
from csmoifsa_app.guard import Guard
from csmoifsa_app.jobs import Jobs
from csmoifsa_app.studies import Studies

STATIC = {
    "app.css": ("csmoifsa_app", "static", "text/css"),
    "icon.svg": ("csmoifsa_app", "static", "image/svg+xml"),
    "beside.js": ("csmoifsa_ev.output", "templates", "text/javascript"),
    "data.js": ("csmoifsa_app", "static", "text/javascript"),
    "assumptions.js": ("csmoifsa_app", "static", "text/javascript"),
    "what_if.js": ("csmoifsa_app", "static", "text/javascript"),
    "search.js": ("csmoifsa_app", "static", "text/javascript"),
    "campaign.js": ("csmoifsa_app", "static", "text/javascript"),
    "portfolio.js": ("csmoifsa_app", "static", "text/javascript"),
    "run.js": ("csmoifsa_app", "static", "text/javascript"),
    "price.js": ("csmoifsa_app", "static", "text/javascript"),
    "replay.js": ("csmoifsa_app", "static", "text/javascript"),
    "shared.js": ("csmoifsa_app", "static", "text/javascript"),
    "base.js": ("csmoifsa_energy", "templates", "text/javascript"),
    "charts.js": ("csmoifsa_ev.output", "templates", "text/javascript"),
    "plotly.js": ("plotly", "package_data", "text/javascript"),
}
"""Files that pages load by name: package, folder and type; those of the report are the report's own."""

LONGEST_WAIT_S = 10.0
"""Time after which what sliders and searches need is loaded though no page was opened [s]."""


@cache
def _static(name: str) -> tuple[bytes, str, str]:
    """Return content, type and tag of a file that pages load."""
    package, folder, kind = STATIC[name]
    place = files(package) / folder / ("plotly.min.js" if name == "plotly.js" else name)
    content = place.read_bytes()
    return content, kind, f'"{sha256(content).hexdigest()[:24]}"'


def static(request: Request) -> Response:
    """Return a file that pages load; the browser keeps it and asks whether it has changed."""
    if request.path_params["name"] not in STATIC:
        raise NotThereError(request.path_params["name"])
    content, kind, tag = _static(request.path_params["name"])
    headers = {"etag": tag, "cache-control": "private, no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=kind, headers=headers)


ROUTES = [
    Route("/", pages.home, name="home"),
    Route("/static/{name}", static),
    Route("/language", actions.set_language, methods=["POST"]),
    Route("/side-by-side", beside_page.side_by_side),
    Route("/side-by-side.zip", beside_page.side_by_side_files),
    Route("/studies", actions.new, methods=["POST"]),
    Route("/studies/{id}", pages.study),
    Route("/studies/{id}/data", data_page.data),
    Route("/studies/{id}/data/mend", data_page.mend_fault, methods=["POST"]),
    Route("/studies/{id}/data/{source}", data_page.upload, methods=["POST"]),
    Route("/studies/{id}/data/{source}/remove", data_page.remove, methods=["POST"]),
    Route("/studies/{id}/assumptions", pages.assumptions),
    Route("/studies/{id}/assumptions", actions.set_assumption, methods=["POST"]),
    Route("/studies/{id}/form", actions.form_state),
    Route("/studies/{id}/text", actions.set_text, methods=["POST"]),
    Route("/studies/{id}/what-if", pages.what_if),
    Route("/studies/{id}/day", actions.day),
    Route("/studies/{id}/evaluate", actions.evaluate, methods=["POST"]),
    Route("/studies/{id}/search", pages.search),
    Route("/studies/{id}/search", actions.start_search, methods=["POST"]),
    Route("/studies/{id}/pause", actions.pause_search, methods=["POST"]),
    Route("/studies/{id}/cancel", actions.cancel_search, methods=["POST"]),
    Route("/studies/{id}/events", actions.events),
    Route("/studies/{id}/report", actions.report),
    Route("/studies/{id}/pdf/{result}", actions.pdf),
    Route("/studies/{id}/files/{name:path}", actions.file),
    Route("/studies/{id}/study.zip", actions.archive),
    Route("/campaigns", campaign_pages.campaigns),
    Route("/campaigns", campaign_pages.open_campaign, methods=["POST"]),
    Route("/campaigns/{id}", campaign_pages.campaign),
    Route("/campaigns/{id}/state", campaign_pages.campaign_state),
    Route("/campaigns/{id}/report", campaign_pages.campaign_report),
    Route("/campaigns/{id}/report", campaign_pages.write_report, methods=["POST"]),
    Route("/campaigns/{id}/forget", campaign_pages.forget_campaign, methods=["POST"]),
    *(Route(f"/cases/{{id}}/{name}", getattr(case_pages, name)) for name in ("portfolio", "price", "replay", "steps")),
    Route("/cases/{id}/classes", case_pages.set_classes, methods=["POST"]),
    Route("/cases/{id}/part", case_pages.add_part, methods=["POST"]),
    Route("/cases/{id}/cars", case_pages.read_cars, methods=["POST"]),
    Route("/cases/{id}/run", case_pages.start_run, methods=["POST"]),
    Route("/cases/{id}/prices/{which}", case_pages.add_prices, methods=["POST"]),
    Route("/cases/{id}/node/{which}", case_pages.set_node, methods=["POST"]),
    Route("/cases/{id}/take", case_pages.take_day, methods=["POST"]),
    Route("/cases/{id}/{result}/report", case_pages.report),
    *(
        Route(f"/studies/{{id}}/{name}", getattr(actions, name), methods=["POST"])
        for name in ("duplicate", "rename", "delete", "restore", "undo")
    ),
]


def make_app(studies: Studies, *, token: str, host: str) -> Guard:
    """Return the application.

    Parameters
    ----------
    studies : Studies
        The studies to show.
    token : str
        Secret of the link, see `guard.Guard`.
    host : str
        Address and port, as the browser names them.
    """
    jobs, campaigns = Jobs(studies), Campaigns(studies.root)

    @asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[None]:
        threading.Thread(target=_prepare, args=(studies, jobs, app.state.opened), daemon=True).start()
        yield
        jobs.close()
        campaigns.close()

    handlers = {InputError: pages.refused, NotThereError: pages.not_found, 404: pages.not_found}
    app = Starlette(routes=ROUTES, exception_handlers=handlers, lifespan=life)  # type: ignore[arg-type]
    app.state.studies, app.state.jobs, app.state.what_if = studies, jobs, None
    app.state.campaigns, app.state.opened = campaigns, threading.Event()
    return Guard(app, token, host)


def _prepare(studies: Studies, jobs: Jobs, opened: threading.Event) -> None:
    """Go on with interrupted searches, remove what was deleted long ago, and load what sliders and searches need."""
    jobs.resume_all()
    studies.remove_old()
    opened.wait(LONGEST_WAIT_S)  # the first page comes first, with the files that it loads
    time.sleep(0.5)
    jobs.warm()
    importlib.import_module("csmoifsa_app.what_if")


def serve(folder: Path, *, host: str, port: int, browser: bool) -> None:
    """Answer until the user stops the program.

    Parameters
    ----------
    folder : Path
        Folder of the studies.
    host, port : str, int
        Where to answer; port 0 takes a free one.
    browser : bool
        Whether to open the page in the browser.

    Raises
    ------
    InputError
        The port is taken, the host is not of this machine, or the folder cannot be written.
    """
    import uvicorn

    studies = Studies(folder)
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        raise InputError(
            f"cannot answer at {host}, port {port}: {error.strerror or error}; choose another --port"
        ) from None
    named = f"[{host}]" if ":" in host else host
    place = f"{named}:{listening.getsockname()[1]}"
    token = secrets.token_urlsafe(24)
    link = f"http://{place}/open?token={token}"
    stdout().print(f"Studies: {studies.root}\nOpen {link}\nStop with Ctrl-C.", soft_wrap=True)
    if browser:
        threading.Thread(target=webbrowser.open, args=(link,), daemon=True).start()
    settings = uvicorn.Config(
        make_app(studies, token=token, host=place), log_level="warning", access_log=False, server_header=False,
        timeout_graceful_shutdown=1, ws="none",
    )  # fmt: skip
    with listening:
        uvicorn.Server(settings).run(sockets=[listening])
