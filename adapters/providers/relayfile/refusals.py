"""What relayfile's refusals mean: its one table, by status and the `code` of the body."""

from __future__ import annotations

from typing import Any

from factory_core.payload import text

from ..refusal_table import Known, Read, Row, Table, joined

CONNECT = "factory connect relayfile"
DOCTOR = "factory doctor relayfile"

TABLE = Table("relayfile", (
    Row("token", "lost", (401,), why="it does not know the token", fix=CONNECT),
    Row("scopes", "permission", (403,), why="the token's scopes do not cover this", fix=CONNECT),
    Row("unavailable", "passing", (408, 425, 429, *range(500, 600)), fix="factory check"),
    Row("missing", "never", (404,), fix=DOCTOR),
    Row("cursor", "never", (400, 410), fix=DOCTOR),
    Row("refused", "never", fix=DOCTOR),
))  # fmt: skip


def read(status: int, document: Any) -> Known:
    """The row of a response that is a refusal."""
    words = joined((" ".join(filter(None, (text(document, "code"), text(document, "message")))),))
    return TABLE.look_up(Read(words, status, frozenset((text(document, "code"),))))
