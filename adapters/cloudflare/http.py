"""The Workers' requests → the neutral one, and back."""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import urlsplit

from workers import Request, Response

from factory_core.errors import TooLarge
from factory_core.http import HttpRequest, HttpResponse, refuse_large


def head_of(request: Request, received_at: datetime) -> HttpRequest:
    """All but the body. Raises TooLarge for one that nobody will read; the platform cuts it at the declared length."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    length = headers.get("content-length", "")
    if request.method == "POST":
        if not re.fullmatch(r"[0-9]{1,15}", length):
            why = "the header Content-Length is missing, and what may be endless is not read"
            raise TooLarge("a body of unknown length", why=why, fix="In your webhook sender: send Content-Length")
        refuse_large(int(length))
    path = urlsplit(request.url).path
    return HttpRequest(method=str(request.method), path=path, headers=headers, received_at=received_at)


async def request_of(request: Request, received_at: datetime) -> HttpRequest:
    """Raises TooLarge."""
    head = head_of(request, received_at)
    return head.model_copy(update={"body": await request.bytes()} if head.method == "POST" else {})


def response_of(said: HttpResponse) -> Response:
    body = None if said.status == 304 else said.body
    return Response(body, status=said.status, headers=said.all_headers())
