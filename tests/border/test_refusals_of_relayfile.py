"""Every row of relayfile's table through the real client."""

from __future__ import annotations

import httpx2
import pytest

from adapters.providers.relayfile.client import RelayfileClient
from adapters.providers.relayfile.refusals import CONNECT, DOCTOR, TABLE
from factory_core.errors import ConnectionLost, Problem, Terminal, VendorUnavailable

from .canned import Vendor, over, response

pytestmark = pytest.mark.pure

ROWS: list[tuple[str, httpx2.Response, type[Problem], str]] = [
    ("token", response(401, {"code": "unauthorized"}), ConnectionLost, CONNECT),
    ("scopes", response(403, {"code": "forbidden"}), Terminal, CONNECT),
    ("unavailable", response(408, b""), VendorUnavailable, "factory check"),
    ("missing", response(404, {"code": "not_found"}), Terminal, DOCTOR),
    ("cursor", response(410, {"code": "gone"}), Terminal, DOCTOR),
    ("refused", response(422, b"<html>"), Terminal, DOCTOR),
]


def test_every_row_of_the_table_is_shown_here() -> None:
    assert [name for name, *_ in ROWS] == [row.name for row in TABLE.rows]


@pytest.mark.parametrize(("name", "answer", "kind", "fix"), ROWS, ids=[row[0] for row in ROWS])
def test_a_refusal_meets_its_row_with_its_fix(
    name: str, answer: httpx2.Response, kind: type[Problem], fix: str
) -> None:
    """Faults pass, an ended credential is the connection's, everything else names its fix."""

    async def use(http: httpx2.AsyncClient) -> None:
        await RelayfileClient(http, "jwt", "https://relay.example", "ws").replay("d1")

    with pytest.raises(Problem) as caught:
        over(Vendor({"POST /v1/workspaces/ws/webhooks/dlq/d1/replay": answer}), use)
    assert (type(caught.value), caught.value.fix) == (kind, fix)
