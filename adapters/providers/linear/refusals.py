"""What Linear's refusals mean: its one table, by the code and the type of GraphQL errors.

The codes are those of responses; the types are the ones that Linear's own SDK tells apart.
https://linear.app/developers/graphql · https://linear.app/developers/rate-limiting
"""

# ruff: noqa: E501 (a table)
from __future__ import annotations

from typing import Any

from factory_core.payload import rows, text

from ..refusal_table import Known, Read, Row, Table, graphql_errors, joined

CONNECT = "factory connect linear"
DOCTOR = "factory doctor linear"

TABLE = Table("Linear", (
    Row("limit", "limit", codes=("RATELIMITED", "RATE_LIMITED", "ratelimited"),
        why="its rate limit is used up", fix="factory check"),
    Row("token", "lost", codes=("AUTHENTICATION_ERROR", "UNAUTHENTICATED", "authentication error"), fix=CONNECT),
    Row("unauthorized", "lost", (401,), why="it answered 401: the token is not accepted", fix=CONNECT),
    Row("fault", "passing",
        codes=("INTERNAL_SERVER_ERROR", "INTERNAL_ERROR", "LOCK_TIMEOUT", "NETWORK_ERROR", "BOOTSTRAP_ERROR",
               "internal error", "lock timeout", "network error", "bootstrap error"),
        fix="factory check"),
    Row("unavailable", "passing", (408, 425, 429, *range(500, 600)), fix="factory check"),
    Row("duplicate", "under-way", words=r"conflict on insert|already exists|duplicate", fix=DOCTOR),
    Row("missing", "never", words=r"entity not found|could not find|was not found",
        fix="In Linear: look whether it still exists, and whether the factory's user may see it"),
    Row("complexity", "never", words=r"too complex|complexity", fix="In Linear: report it, the factory asks for less than Linear's limit"),
    Row("forbidden", "permission", codes=("FORBIDDEN", "forbidden"), fix=CONNECT),
    Row("forbidden-call", "permission", (403,), why="it answered 403: the token may not do this", fix=CONNECT),
    Row("feature", "never", codes=("FEATURE_NOT_ACCESSIBLE", "feature not accessible"),
        fix="In Linear: let the workspace's plan and settings include this feature"),
    Row("usage-limit", "never", codes=("USAGE_LIMIT_EXCEEDED", "usage limit exceeded"),
        fix="In Linear: raise the plan's limit, or archive what is no longer needed"),
    Row("usage-words", "never", words=r"usage limit|plan limit|limit of your plan",
        fix="In Linear: raise the plan's limit, or archive what is no longer needed"),
    Row("archived", "never", words=r"is archived|in the trash|read[- ]only",
        fix="In Linear: restore the issue, or its team or project"),
    Row("input", "never",
        codes=("INPUT_ERROR", "INVALID_INPUT", "BAD_USER_INPUT", "USER_ERROR", "invalid input", "user error"), fix=DOCTOR),
    Row("query", "never", codes=("GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED", "GRAPHQL_ERROR", "graphql error"),
        fix=DOCTOR),
    Row("unsuccessful", "never", codes=("success: false",), why="it answered success: false", fix=DOCTOR),
    Row("too-large", "never", (413,), why="it answered 413: the text is too large", fix=DOCTOR),
    Row("refused", "never", fix=DOCTOR),
))  # fmt: skip
"""Rows are looked for in all errors of a response: a limit beside an invalid field is a limit. One that no row knows is
final: Linear has not done what was asked."""


def read(status: int, document: Any, after: float | None) -> Known:
    """The row of a response that is a refusal."""
    shown = [text(error, "extensions", "userPresentableMessage") for error in rows(document, "errors")]
    errors = graphql_errors(document)
    parts = [
        " ".join(filter(None, (message or next(iter(codes), ""), more)))
        for (message, codes), more in zip(errors, shown, strict=True)
    ]
    codes = frozenset(code for _, given in errors for code in given)
    return TABLE.look_up(Read(joined(parts) or f"it answered {status}", status, codes, after))


def unsuccessful() -> Known:
    """A mutation that was answered without errors, and not performed."""
    return TABLE.look_up(Read("", codes=frozenset(("success: false",))))
