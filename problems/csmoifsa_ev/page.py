"""Pages of results: one HTML file each that opens offline, with the same looks, script pieces and languages."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from csmoifsa import __version__
from csmoifsa.errors import InputError
from csmoifsa.files import atomic_write

LANGUAGES = ("en", "zh")


def check_language(language: str) -> None:
    """Refuse a language that pages do not have."""
    if language not in LANGUAGES:
        raise InputError(f"--lang must be {' or '.join(LANGUAGES)}, not {language!r}")


def page_texts(page: str, language: str, parts: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the labels of a page: those of all pages, of its parts, and its own."""
    check_language(language)
    folder = files("csmoifsa_ev") / "templates"
    texts: dict[str, Any] = {}
    for name in ("base", *parts, page):
        texts |= json.loads((folder / f"{name}.{language}.json").read_text(encoding="utf-8"))
    return texts


def write_page(
    path: Path, page: str, data: dict[str, Any], *, title: str, language: str = "en", parts: tuple[str, ...] = ()
) -> None:
    """Write a page.

    Parameters
    ----------
    path : Path
        The file.
    page : str
        Which: its template, script and labels are ``templates/<page>.html.j2``, ``.js``, ``.<language>.json``.
    data : dict
        What its script draws, as plain values.
    title : str
        Of the page; may come from a user's file.
    language : "en" or "zh"
        Of all labels; what comes from a user's file stays as it is.
    parts : tuple of str
        Scripts and labels to load before the page's own, after those that all pages share.
    """
    texts = page_texts(page, language, parts)
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from plotly.offline import get_plotlyjs

    folder = files("csmoifsa_ev") / "templates"
    told = json.dumps({**data, "texts": texts}, allow_nan=False, ensure_ascii=False)
    environment = Environment(
        loader=PackageLoader("csmoifsa_ev"), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    text = environment.get_template(f"{page}.html.j2").render(
        language=language,
        texts=texts,
        title=title,
        version=__version__,
        # nothing in a label ends the script
        data=told.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"),
        scripts=[(folder / f"{name}.js").read_text(encoding="utf-8") for name in ("base", *parts, page)],
        plotly=get_plotlyjs(),
    )
    with atomic_write(path) as file:
        file.write(text)
