"""The neutral request and response that every host translates to and from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pydantic import Field

from .errors import BadSignature, Problem, TooLarge
from .work_item import Frozen

LARGEST_BODY = 5 * 1024 * 1024  # bytes; the cap of Linear's own SDK, and far above what Slack and GitHub send us


class HttpRequest(Frozen):
    """One request as it came: header names in lower case, the body as raw bytes (signatures cover exactly these)."""

    method: str = "POST"
    path: str = "/"
    headers: Mapping[str, str] = Field(default_factory=dict)
    body: bytes = b""
    received_at: datetime


PRIVATE = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class HttpResponse(Frozen):
    """What the host sends back: header names in lower case."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = Field(default_factory=dict)

    def all_headers(self) -> dict[str, str]:
        """With those of every response: no cache keeps it, and no browser takes it for anything else."""
        return {"content-type": self.content_type, **PRIVATE, **self.headers}


def refuse_large(size: int, largest: int = LARGEST_BODY) -> None:
    """Raise TooLarge for a body of more bytes; call it on the declared length and again on the real one."""
    if size > largest:
        raise TooLarge(
            f"a body of {size:,} bytes",
            why=f"the most that is read is {largest:,} bytes",
            fix="In the sender: send less at once",
        )


def unknown_sender() -> HttpResponse:
    """The one answer to a webhook without a good signature, for a tenant that is there and for one that is not: nobody
    learns which tenants and vendors there are."""
    why = "its tenant, its provider or its signature is not one that is known here; the factory's log says which"
    return problem_response(BadSignature("a webhook of an unknown sender", why=why, fix="factory doctor"))


def problem_response(problem: Problem) -> HttpResponse:
    """The problem as JSON, with Retry-After where the other side said when."""
    import json

    after = getattr(problem, "after", None)
    return HttpResponse(
        status=problem.http_status,
        body=json.dumps(problem.document()).encode(),
        headers={"retry-after": str(max(1, round(after)))} if after else {},
    )
