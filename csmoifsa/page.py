"""HTML pages of results: one self-contained file each that opens offline, with all texts escaped."""

from __future__ import annotations

import html
from importlib.resources import files
from pathlib import Path

from csmoifsa import __version__
from csmoifsa.files import atomic_write
from csmoifsa.text import script_json, visible


def template_text(packages: tuple[str, ...], name: str) -> str:
    """Return the text of a template, script or label file from the first package that has it."""
    places = [files(package) / "templates" / name for package in packages]
    return next(place for place in places if place.is_file()).read_text(encoding="utf-8")


def write_page(
    path: str | Path,
    packages: tuple[str, ...],
    template: str,
    *,
    data: object,
    scripts: tuple[str, ...],
    **values: object,
) -> None:
    """Write a page from the ``templates`` of packages.

    Parameters
    ----------
    path : path
        HTML file to write.
    packages : tuple of str
        Packages whose ``templates`` are searched, in order, such as ``("csmoifsa_ev.output", "csmoifsa_energy")``.
    template : str
        File name such as ``"report.html.j2"``; its variables are ``data`` (JSON), ``scripts`` (texts), ``plotly``,
        ``version`` and those of ``values``.
    data : plain values
        Values that the page's scripts draw.
    scripts : tuple of str
        File names in the same ``templates``, in order.
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
    """Return a text escaped for HTML, with control characters written as escapes."""
    return html.escape(visible(text))
