"""Git over smart HTTP: each request is handed to `git http-backend` as a CGI. https://git-scm.com/docs/git-http-backend

Repositories are private: a request needs some credential, so that the client's handling of it is exercised.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from .git import ENVIRONMENT, run


def credential(authorization: str) -> str:
    """The token in a Basic or Bearer header; empty when there is none."""
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() in ("bearer", "token"):
        return rest.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        user, _, password = base64.b64decode(rest, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return password or user


def operation_of(request: Request) -> str:
    """`push` or `fetch`."""
    pushing = "git-receive-pack" in (request.query_params.get("service", ""), request.url.path.rsplit("/", 1)[-1])
    return "push" if pushing else "fetch"


def ask_for_credential() -> Response:
    return Response("Authentication required", 401, {"WWW-Authenticate": 'Basic realm="GitHub"'})


async def backend(root: Path, path: str, request: Request) -> Response:
    """The answer of git itself for `path`, e.g. `/acme/shop.git/info/refs`."""
    body = await request.body()
    environment = {
        **ENVIRONMENT,
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": path,
        "QUERY_STRING": request.url.query,
        "REQUEST_METHOD": request.method,
        "REMOTE_USER": "sandbox",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
        "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
    }
    _, out, _ = await run(["git", "http-backend"], environment, body)
    return _response(out)


def _response(out: bytes) -> Response:
    """CGI output: header lines, an empty line, the body; `Status:` is 200 when it is absent."""
    head, _, body = out.partition(b"\r\n\r\n")
    lines = (line.partition(": ") for line in head.decode("latin-1").split("\r\n"))
    headers = {name: value for name, colon, value in lines if colon}
    status = int(headers.pop("Status", "200" if headers else "500").split(" ")[0])
    return Response(body, status, headers)
