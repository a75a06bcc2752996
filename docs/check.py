"""Check a built site: pages ask nothing of other hosts, and every local link, anchor, script, style and image is there.

``python docs/check.py out/docs`` prints what is wrong, one line each, and ends with exit code 1 if anything is.
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

RESOURCES = {"script": "src", "img": "src", "iframe": "src", "source": "src", "embed": "src", "object": "data"}
CSS_URL = re.compile(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)")


class Page(HTMLParser):
    """What one page loads, where it links to, and the anchors that it has."""

    def __init__(self, text: str):
        super().__init__()
        self.loads: set[str] = set()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self._style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag's addresses."""
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        self._style = tag == "style"
        if tag in RESOURCES and RESOURCES[tag] in values:
            self.loads.add(values[RESOURCES[tag]])
        if "srcset" in values:
            self.loads |= {part.split()[0] for part in values["srcset"].split(",") if part.strip()}
        if "style" in values:
            self.loads |= addresses_in_css(values["style"])
        if tag == "link" and values.get("rel") not in ("canonical", "prev", "next", "search", "index", "author"):
            self.loads.add(values.get("href", ""))
        elif tag in ("a", "link") and "href" in values:
            self.links.add(values["href"])

    def handle_data(self, data: str) -> None:
        """Note the addresses of a style sheet inside the page."""
        if self._style:
            self.loads |= addresses_in_css(data)


def addresses_in_css(text: str) -> set[str]:
    """Return what a style sheet loads."""
    return {one or other for one, other in CSS_URL.findall(text)}


def is_outside(address: str) -> bool:
    """Return whether an address is on another host."""
    return bool(urlsplit(address).netloc) or urlsplit(address).scheme in ("http", "https", "ftp", "ws", "wss")


def check_site(site: Path) -> list[str]:
    """Return what is wrong with a built site, one sentence each."""
    pages = {path.resolve(): Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    wrong = [] if pages else [f"{site} holds no pages"]
    for path, page in pages.items():
        name = path.relative_to(site.resolve())
        wrong += [f"{name} loads {address} from another host" for address in sorted(page.loads) if is_outside(address)]
        for address in sorted(page.loads | page.links):
            parts = urlsplit(address)
            if is_outside(address) or parts.scheme:  # data:, mailto:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                wrong.append(f"{name} points at {address}, which is not there")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                wrong.append(f"{name} points at {address}, but that page has no such place")
    for path in sorted(site.rglob("*.css")):
        addresses = sorted(addresses_in_css(path.read_text(encoding="utf-8")))
        wrong += [f"{path.name} loads {address} from another host" for address in addresses if is_outside(address)]
    return wrong


if __name__ == "__main__":
    found = check_site(Path(sys.argv[1]))
    print("\n".join(found) or f"{len(list(Path(sys.argv[1]).rglob('*.html')))} pages, all links lead somewhere")
    sys.exit(bool(found))
