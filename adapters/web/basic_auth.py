"""What every host does for who looks at its pages: read the password that came along, spare a page that is known."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from typing import NamedTuple

from adapters.web.status_page import Page
from factory_core.http import HttpResponse


class BasicCredentials(NamedTuple):
    """`user` is empty for a bearer's token."""

    user: str = ""
    password: str = ""


def basic_credentials(authorization: str) -> BasicCredentials:
    """Who the header `Authorization` says is asking; nobody where it makes no sense."""
    kind, _, given = authorization.partition(" ")
    if kind.lower() != "basic":
        return BasicCredentials(password=given)
    try:
        user, _, password = b64decode(given, validate=True).decode().partition(":")
    except (NotBase64, UnicodeDecodeError):
        return BasicCredentials()
    return BasicCredentials(user, password)


def page_response(drawn: Page, if_none_match: str | None, status: int = 200) -> HttpResponse:
    """The page, or 304 when the visitor has this very one."""
    headers = {name.lower(): value for name, value in drawn.headers.items()}
    kind = headers.pop("content-type")
    if status == 200 and if_none_match == headers["etag"]:
        return HttpResponse(status=304, content_type=kind, headers=headers)
    return HttpResponse(status=status, body=drawn.html.encode(), content_type=kind, headers=headers)
