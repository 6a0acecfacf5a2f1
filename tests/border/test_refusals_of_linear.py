"""Every row of Linear's table, each through the real client: what it means, and what a person can do about it."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from adapters.providers.linear.client import LinearClient
from adapters.providers.linear.refusals import CONNECT, DOCTOR, TABLE, read, unsuccessful
from factory_core.errors import ConnectionLost, Problem, Retryable, Terminal, VendorUnavailable

from .canned import NOW, Vendor, over, response

pytestmark = pytest.mark.pure

RESET = {"x-ratelimit-complexity-remaining": "0", "x-ratelimit-complexity-reset": str(int(NOW.timestamp() + 90) * 1000)}


def refused(
    message: str, code: str = "", kind: str = "", status: int = 200, shown: str = "", headers: Any = None
) -> httpx2.Response:
    extensions = {"code": code or None, "type": kind or None, "userPresentableMessage": shown or None}
    return response(status, {"errors": [{"message": message, "extensions": extensions}], "data": None}, headers)


FAILED = response(200, {"data": {"commentCreate": {"success": False}}})
ROWS: list[tuple[str, httpx2.Response, str]] = [
    ("limit", refused("Rate limit exceeded", "RATELIMITED", status=400), "factory check"),
    ("limit", refused("Complexity limit exceeded", "RATELIMITED", status=400, headers=RESET), "factory check"),
    ("limit", refused("Rate limit exceeded", kind="ratelimited"), "factory check"),
    ("token", refused("Authentication required, not authenticated", "AUTHENTICATION_ERROR", status=400), CONNECT),
    ("token", refused("Authentication required", kind="authentication error", status=401), CONNECT),
    ("unauthorized", response(401, b""), CONNECT),
    ("fault", refused("Internal server error", "INTERNAL_SERVER_ERROR"), "factory check"),
    ("fault", refused("Lock timeout", "LOCK_TIMEOUT"), "factory check"),
    ("fault", refused("Oops", kind="network error"), "factory check"),
    ("unavailable", response(408, b"<html>"), "factory check"),
    ("duplicate", refused("conflict on insert of Comment", "INPUT_ERROR", status=400), DOCTOR),
    (
        "missing",
        refused("Entity not found: Issue", "INPUT_ERROR", shown="Could not find referenced Issue."),
        "In Linear",
    ),
    ("complexity", refused("Query too complex: 12000 > 10000", "INPUT_ERROR", status=400), "In Linear: report it"),
    ("forbidden", refused("You don't have permission", "FORBIDDEN"), CONNECT),
    ("forbidden", refused("Invalid scope: `write` required", kind="forbidden", status=400), CONNECT),
    ("forbidden-call", response(403, b"no"), CONNECT),
    ("feature", refused("Agents are not enabled", "FEATURE_NOT_ACCESSIBLE"), "In Linear: let the workspace's plan"),
    ("usage-limit", refused("Limit reached", "USAGE_LIMIT_EXCEEDED"), "In Linear: raise the plan's limit"),
    ("usage-words", refused("You have reached the usage limit of your plan", "INPUT_ERROR"), "In Linear: raise"),
    ("archived", refused("The issue is archived", "INPUT_ERROR"), "In Linear: restore"),
    ("input", refused("Argument Validation Error", "INPUT_ERROR", status=400), DOCTOR),
    ("input", refused("No", kind="user error"), DOCTOR),
    ("query", refused('Cannot query field "x" on type "Issue".', "GRAPHQL_VALIDATION_FAILED", status=400), DOCTOR),
    ("unsuccessful", FAILED, DOCTOR),
    ("too-large", response(413, b"<html>"), DOCTOR),
    ("refused", refused("Something new", "NEW_CODE"), DOCTOR),
    ("refused", response(404, b"<html>"), DOCTOR),
]


def met(answer: httpx2.Response) -> Problem:
    """What the client raises for this answer to a comment."""

    async def use(http: httpx2.AsyncClient) -> None:
        await LinearClient(http, "lin_api_1", clock=lambda: NOW).post("CommentCreate", {"input": {}})

    with pytest.raises(Problem) as caught:
        over(Vendor({"POST /graphql": answer}), use)
    return caught.value


def test_every_row_of_the_table_is_shown_here() -> None:
    assert {name for name, _, _ in ROWS} == {row.name for row in TABLE.rows}
    assert len({row.name for row in TABLE.rows}) == len(TABLE.rows)


@pytest.mark.parametrize(("name", "answer", "fix"), ROWS, ids=[name for name, _, _ in ROWS])
def test_a_refusal_meets_its_row_with_its_fix(name: str, answer: httpx2.Response, fix: str) -> None:
    """Limits and faults pass, an ended credential is the connection's, everything else names its fix."""
    row = next(row for row in TABLE.rows if row.name == name)
    problem = met(answer)
    document = answer.json() if answer.content[:1] == b"{" else None
    known = unsuccessful() if answer is FAILED else read(answer.status_code, document, None)
    assert known.row == row
    assert type(problem) is {"limit": VendorUnavailable, "passing": VendorUnavailable, "lost": ConnectionLost}.get(
        row.kind, Terminal
    )
    assert problem.fix.startswith(fix)


def test_a_used_up_limit_is_waited_out_as_its_headers_say() -> None:
    """Of complexity, too: until that limit is full again."""
    problem = met(ROWS[1][1])
    assert isinstance(problem, Retryable) and problem.after == 90.0


def test_a_limit_beside_another_error_is_a_limit() -> None:
    """Rows are looked for in all errors of a response, in their order."""
    both = {"errors": [
        {"message": "Argument Validation Error", "extensions": {"code": "INPUT_ERROR"}},
        {"message": "Rate limit exceeded", "extensions": {"code": "RATELIMITED"}},
    ]}  # fmt: skip
    assert isinstance(met(response(400, both)), Retryable)
