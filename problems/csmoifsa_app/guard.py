"""Refuse requests that are not of the pages of this program: token, Host, Origin, size; and forbid loads from outside.

Every web page that the user visits may send requests to a server on this machine. A random token, kept in a cookie that
is sent to this server's own pages alone, proves that the browser was opened by the user; the Host header is checked
against rebinding of names, Origin and Sec-Fetch-Site against requests of other sites and other local servers.
"""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from secrets import compare_digest

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 64 * 2**20
"""Largest body of a request [bytes]: a load file of ten years of quarter hours has about 12 MB."""

POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data: blob:; "
    "style-src 'self' 'unsafe-inline'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of the pages: nothing from outside; plotly sets styles of its elements in place."""

# not "no-referrer": browsers then send forms with Origin: null
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
"""Headers of every answer that does not set them itself."""

SAFE = ("GET", "HEAD")


class Guard:
    """ASGI application in front of another one, see the module.

    Parameters
    ----------
    app : ASGI application
        The application that answers what is let through.
    token : str
        Secret of this run of the program.
    host : str
        The only Host that is answered, such as ``"127.0.0.1:8765"``.
    """

    def __init__(self, app: ASGIApp, token: str, host: str) -> None:
        self.app, self.token, self.host = app, token, host
        self.cookie = f"csmoifsa-{host.rpartition(':')[2]}"  # cookies know no ports, so the name does

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return  # no websockets
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, _with_headers(send))
            return
        if scope["path"] == "/open":
            answer = RedirectResponse("/", status_code=303)
            answer.set_cookie(self.cookie, self.token, httponly=True, samesite="strict")
            await answer(scope, receive, _with_headers(send))
            return
        body = await _whole(receive)
        app = _too_long() if body is None else self.app
        await app(scope, _again(body or b"", receive), _with_headers(send))

    def _refusal(self, scope: Scope, headers: Headers) -> PlainTextResponse | None:
        """Return the answer to a request that is refused, or None."""
        if headers.getlist("host") != [self.host]:
            return PlainTextResponse(f"This server answers to http://{self.host} only.", 400)
        opening = scope["path"] == "/open"
        site = headers.get("sec-fetch-site", "none")
        if site not in ("same-origin", "none") and not (opening and scope["method"] in SAFE):
            return PlainTextResponse("Requests of other sites are refused.", 403)
        origin = headers.get("origin")
        if origin not in (None, f"http://{self.host}") or (origin is None and scope["method"] not in SAFE):
            return PlainTextResponse("Requests of other origins are refused.", 403)
        given = QueryParams(scope["query_string"]).get("token", "") if opening else self._cookie_of(headers)
        if not compare_digest(given.encode(), self.token.encode()):
            return PlainTextResponse("Open the link that 'csmoifsa app' printed: it holds the key of this run.", 401)
        length = headers.get("content-length", "0")
        return _too_long() if not length.isdecimal() or int(length[:20]) > MOST_BYTES else None

    def _cookie_of(self, headers: Headers) -> str:
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            return ""
        return "" if found is None else found.value


def _too_long() -> PlainTextResponse:
    return PlainTextResponse(f"A file may have {MOST_BYTES // 2**20} MiB at most; keep what is needed of it.", 413)


async def _whole(receive: Receive) -> bytes | None:
    """Return the body of a request, None if it is longer than `MOST_BYTES`, whatever length it announced."""
    parts, size = [], 0
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MOST_BYTES:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return ``receive`` that begins with a body that was read already."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


def _with_headers(send: Send) -> Send:
    async def add(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return add
