"""The neutral request and response that every host translates to and from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pydantic import Field

from ..errors import Problem, TooLarge
from ..work_item import Frozen

LARGEST_BODY = 5 * 1024 * 1024  # bytes; the cap of Linear's own SDK, and far above what Slack and GitHub send us


class HttpRequest(Frozen):
    """One request as it came: header names in lower case, the body as raw bytes (signatures cover exactly these)."""

    method: str = "POST"
    path: str = "/"
    headers: Mapping[str, str] = Field(default_factory=dict)
    body: bytes = b""
    received_at: datetime


class HttpResponse(Frozen):
    """What the host sends back."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = Field(default_factory=dict)


def refuse_large(size: int) -> None:
    """Raise TooLarge for a body over LARGEST_BODY; call it on the declared length and again on the real one."""
    if size > LARGEST_BODY:
        raise TooLarge(
            f"a body of {size:,} bytes",
            why=f"the most that is read is {LARGEST_BODY:,} bytes",
            fix="In your webhook sender: send smaller events",
        )


def problem_response(problem: Problem) -> HttpResponse:
    """The problem as JSON, with Retry-After where the other side said when."""
    import json

    after = getattr(problem, "after", None)
    return HttpResponse(
        status=problem.http_status,
        body=json.dumps(problem.document()).encode(),
        headers={"retry-after": str(max(1, round(after)))} if after else {},
    )
