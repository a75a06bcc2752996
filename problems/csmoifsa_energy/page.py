"""Write pages of results: one HTML file each that opens offline, with shared style, scripts and labels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from csmoifsa.errors import InputError
from csmoifsa.page import template_text
from csmoifsa.page import write_page as write_html
from csmoifsa.text import visible
from csmoifsa_energy.paper import find_browser

LANGUAGES = ("en", "zh")

SHARED = "csmoifsa_energy"
"""Package whose folder ``templates`` holds the templates, scripts and labels of all pages."""


def check_language(language: str, *, pdf: bool = False) -> None:
    """Raise InputError unless pages have labels in the language and, for a PDF, a browser is there to print them."""
    if pdf:
        find_browser()
    if language not in LANGUAGES:
        raise InputError(f"--lang must be {' or '.join(LANGUAGES)}, not {language!r}")


def page_texts(package: str, page: str, language: str, parts: tuple[str, ...] = ()) -> dict[str, object]:
    """Return the labels of a page by key: shared ones, then those of its parts, then its own, later ones winning."""
    check_language(language)
    texts: dict[str, object] = {}
    for name in ("base", *parts, page):
        texts |= json.loads(template_text((package, SHARED), f"{name}.{language}.json"))
    return texts


def write_page(
    path: Path,
    package: str,
    page: str,
    data: Mapping[str, object],
    *,
    title: str,
    language: str = "en",
    parts: tuple[str, ...] = (),
) -> None:
    """Write a page.

    Parameters
    ----------
    path : Path
        The file.
    package : str
        The package whose ``templates`` hold the page, such as ``"csmoifsa_ev.output"``.
    page : str
        Name of the page: its template, script and labels are ``<page>.html.j2``, ``.js`` and ``.<language>.json``.
    data : dict
        Plain values that its script draws.
    title : str
        Title of the page; may come from a user's file.
    language : "en" or "zh"
        Language of all labels; texts from a user's file stay as they are.
    parts : tuple of str
        Scripts and labels to load before the page's own, after those that all pages share.
    """
    texts = page_texts(package, page, language, parts)
    write_html(
        path,
        (package, SHARED),
        f"{page}.html.j2",
        data={**data, "texts": texts},
        scripts=tuple(f"{name}.js" for name in ("base", *parts, page)),
        language=language,
        texts=texts,
        title=visible(title),
    )
