"""The command ``csmoifsa app``."""

from __future__ import annotations

from pathlib import Path

import typer

from csmoifsa.errors import InputError

app = typer.Typer(name="app", add_completion=False, rich_markup_mode="rich")

LOCAL = ("127.0.0.1", "::1")


_STUDIES = typer.Option(Path("studies"), "--studies", metavar="DIR", help="Folder of the studies; created if missing.")


@app.command()
def start(
    studies: Path = _STUDIES,
    port: int = typer.Option(0, "--port", min=0, max=65535, help="Port of the page; 0 takes a free one."),
    browser: bool = typer.Option(True, "--browser/--no-browser", help="Open the page in the browser."),
    host: str = typer.Option(
        "127.0.0.1", "--host", help="Address to answer at; others than this machine's own need --i-know."
    ),
    i_know: bool = typer.Option(
        False, "--i-know", help="Answer at an address that other machines reach: the link is sent unencrypted."
    ),
) -> None:
    """Start the application in the browser: studies, assumptions, what-if sliders, search and results.

    [bold]Example:[/bold]  csmoifsa app --studies my-studies
    """
    if host not in LOCAL and not i_know:
        raise InputError(
            f"--host {host} may be reached from other machines, without encryption; add --i-know if you want that"
        )
    from csmoifsa_app.server import serve

    serve(studies, host=host, port=port, browser=browser)
