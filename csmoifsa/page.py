"""Pages of results: one HTML file each that opens offline, everything inside; a text stays a text."""

from __future__ import annotations

import html
from importlib.resources import files
from pathlib import Path
from typing import Any

from csmoifsa import __version__
from csmoifsa.files import atomic_write
from csmoifsa.text import script_json, visible


def template_text(packages: tuple[str, ...], name: str) -> str:
    """Return a template, script or file of labels from the first package that has it."""
    places = [files(package) / "templates" / name for package in packages]
    return next(place for place in places if place.is_file()).read_text(encoding="utf-8")


def write_page(
    path: str | Path, packages: tuple[str, ...], template: str, *, data: Any, scripts: tuple[str, ...], **values: Any
) -> None:
    """Write a page from the ``templates`` of packages.

    Parameters
    ----------
    path : path
        The file.
    packages : tuple of str
        Packages whose ``templates`` are searched, in order, such as ``("csmoifsa_ev.output", "csmoifsa_energy")``.
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

    environment = Environment(
        loader=FunctionLoader(lambda name: template_text(packages, name)),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    page = environment.get_template(template).render(
        **values,
        version=__version__,
        data=script_json(data),
        scripts=[template_text(packages, name) for name in scripts],
        plotly=get_plotlyjs(),
    )
    with atomic_write(path) as file:
        file.write(page)


def html_text(text: str) -> str:
    """Return a text for an HTML page: no tag, no attribute, no control character."""
    return html.escape(visible(text))
