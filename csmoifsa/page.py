"""Pages of results: one HTML file each that opens offline, everything inside; a text stays a text."""

from __future__ import annotations

import html
from importlib.resources import files
from pathlib import Path
from typing import Any

from csmoifsa import __version__
from csmoifsa.files import atomic_write
from csmoifsa.text import script_json, visible


def write_page(
    path: str | Path, package: str, template: str, *, data: Any, scripts: tuple[str, ...], **values: Any
) -> None:
    """Write a page from a package's ``templates``.

    Parameters
    ----------
    path : path
        The file.
    package : str
        Whose templates.
    template : str
        Such as ``"report.html.j2"``; it gets ``data`` (JSON), ``scripts`` (texts), ``plotly``, ``version``, the values.
    data : plain values
        What its scripts draw.
    scripts : tuple of str
        Files beside the template, in order.
    values
        Texts, lists or dicts for the template, which escapes them.
    """
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from plotly.offline import get_plotlyjs

    folder = files(package) / "templates"

    def text_of(name: str) -> str:
        return (folder / name).read_text(encoding="utf-8")

    environment = Environment(
        loader=FunctionLoader(text_of), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    page = environment.get_template(template).render(
        **values,
        version=__version__,
        data=script_json(data),
        scripts=[text_of(name) for name in scripts],
        plotly=get_plotlyjs(),
    )
    with atomic_write(path) as file:
        file.write(page)


def html_text(text: str) -> str:
    """Return a text for an HTML page: no tag, no attribute, no control character."""
    return html.escape(visible(text))
