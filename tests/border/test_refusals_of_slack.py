"""Every error string of Slack's table through the real client: what it means, and what a person can do about it."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from adapters.providers.slack.client import SlackClient
from adapters.providers.slack.refusals import TABLE
from factory_core.errors import ConnectionLost, Problem, Retryable, Terminal, VendorUnavailable

from .canned import Vendor, over, response

pytestmark = pytest.mark.pure

STRINGS = [(row.name, code) for row in TABLE.rows for code in row.codes]
FIXES = {
    "scope": "factory connect slack", "not-permitted": "factory connect slack", "workspace-access": "In Slack: let",
    "network": "In Slack: allow the network address", "posting-suspended": "In Slack: an administrator",
    "two-factor": "In Slack: set up", "channel": "In Slack: invite", "not-a-member": "In Slack: invite",
    "archived": "In Slack: restore the channel", "thread": "In Slack: the question's thread",
    "restricted": "In Slack: let the factory's app post", "too-long": "factory doctor", "message": "factory doctor",
    "call": "factory doctor", "retired": "factory doctor", "refused": "factory doctor",
}  # fmt: skip


def met(answer: httpx2.Response) -> Problem:
    """What the client raises for this answer to a message."""

    async def use(http: httpx2.AsyncClient) -> Any:
        return await SlackClient(http, "xoxb-1").call("chat.postMessage", {"channel": "C1", "text": "?"})

    with pytest.raises(Problem) as caught:
        over(Vendor({"POST /api/chat.postMessage": answer}), use)
    return caught.value


def no(error: str, headers: Any = None, **more: str) -> httpx2.Response:
    return response(200, {"ok": False, "error": error, **more}, headers)


def test_each_error_string_stands_in_one_row() -> None:
    codes = [code for _, code in STRINGS]
    assert len(set(codes)) == len(codes) and len({row.name for row in TABLE.rows}) == len(TABLE.rows)


@pytest.mark.parametrize(("name", "code"), STRINGS, ids=[code for _, code in STRINGS])
def test_an_error_string_has_a_kind_and_a_fix(name: str, code: str) -> None:
    """Limits and faults pass, an ended credential is the connection's, everything else names its fix."""
    row = next(row for row in TABLE.rows if row.name == name)
    problem = met(no(code, needed="chat:write"))
    assert type(problem) is {"limit": VendorUnavailable, "passing": VendorUnavailable, "lost": ConnectionLost}.get(
        row.kind, Terminal
    )
    assert row.kind in ("limit", "passing", "lost") or problem.fix.startswith(FIXES[name])
    assert getattr(problem, "after", None) == row.after


@pytest.mark.parametrize("error", ["ratelimited", "rate_limited", "message_limit_exceeded"])
@pytest.mark.parametrize("status", [200, 429])
def test_retry_after_is_kept_in_either_status(error: str, status: int) -> None:
    """A limit is told with a 200, too."""
    problem = met(response(status, {"ok": False, "error": error}, {"retry-after": "37"}))
    assert isinstance(problem, Retryable) and problem.after == 37.0


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (response(401, b"no"), ConnectionLost),
        (response(408, b""), VendorUnavailable),
        (response(503, b""), VendorUnavailable),
        (response(404, b"no"), Terminal),
        (no("an_error_of_next_year"), Terminal),
        (no(""), Terminal),
    ],
)
def test_what_no_row_names_has_a_safe_end(answer: httpx2.Response, kind: type[Problem]) -> None:
    """By its status; an unknown error is final, since Slack has posted nothing."""
    assert type(met(answer)) is kind
