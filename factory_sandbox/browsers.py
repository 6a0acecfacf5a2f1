"""Keeps web pages away from the sandbox: a browser on this machine reaches it, whatever page it shows.

A page may post text across origins without asking, and by DNS rebinding its own name leads here. So a request must call
this machine by its own name, and none that comes from a page of another origin is taken.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_OWN_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE)
_OWN_SITES = ("", "same-origin", "none")  # of Sec-Fetch-Site: no browser, a page of ours, or typed by a person
_JSON = ("", "application/json", "application/x-www-form-urlencoded")  # the last is what curl says of any -d
CONTROL = "/_/"


def without_foreign_pages(app: ASGIApp) -> ASGIApp:
    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        why = _refusal(scope["path"], Headers(scope=scope))
        if why:
            document = {"what": "a request that is not from a program on this machine", "why": why, "fix": []}
            await JSONResponse(document, 403)(scope, receive, send)
        else:
            await app(scope, receive, send)

    return guarded


def _refusal(path: str, headers: Headers) -> str:
    if not _OWN_HOST.fullmatch(headers.get("host", "")):
        return "its Host is not this machine's own name"
    if headers.get("sec-fetch-site", "") not in _OWN_SITES:
        return "a page of another site sent it"
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers["host"]:
        return "its Origin is another one"
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if path.startswith(CONTROL) and kind not in _JSON:
        return f"the control API takes JSON, and this says {kind[:40]}"
    return ""
