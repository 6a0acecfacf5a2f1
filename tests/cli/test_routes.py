"""`factory routes` shows what people chose for a project, and forgets it."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.stores.sqlite.sqlite_file import SqliteFile, create_file
from adapters.stores.sqlite.state_store import SqliteStateStore
from factory_core.dispatch.batch import Batch
from factory_core.dispatch.routing import RememberedRoute, remember

from .calling import within

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


async def _stored(home: Path, batch: Batch | None = None) -> Batch:
    create_file(home / "factory.db")
    with closing(SqliteFile(home / "factory.db")) as file:
        store = SqliteStateStore(file, "default", lambda: datetime.now(UTC))
        return await (store.put_batch(batch) if batch else store.get_batch())


def test_choices_are_shown_and_forgotten(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Text of a ticket's project moves no cursor; forgetting twice says that there is nothing."""
    routes = remember({}, "Mobile \x1b[2JApp", RememberedRoute(repository="acme/app", key="ACME-7", at=AT))
    asyncio.run(_stored(home, Batch(routes=remember(routes, "Web", routes[next(iter(routes))]))))
    code, shown, _ = within("routes", cwd=home, capsys=capsys)
    assert code == 0 and "web → acme/app  (ACME-7, 2026-11-20)" in shown and "\x1b" not in shown
    code, shown, _ = within("routes", "--forget", " WEB", "--format=json", cwd=home, capsys=capsys)
    document = json.loads(shown)
    assert (code, document["schema"], document["forgot"], len(document["routes"])) == (0, "factory.routes/1", "web", 1)
    assert len(asyncio.run(_stored(home)).routes) == 1
    code, _, problem = within("routes", "--forget", "web", cwd=home, capsys=capsys)
    assert code == 1 and "No choice is remembered for that project." in problem and "factory routes" in problem


def test_nothing_remembered_is_said(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(_stored(home))
    assert (
        within("routes", cwd=home, capsys=capsys)[1]
        == "No choice is remembered: every ticket was routed by the configuration.\n"
    )
