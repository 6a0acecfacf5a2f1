"""DBOS over SQLite: a workflow that asks in a step, waits in recv(), and ends in a step.

https://docs.dbos.dev/python/reference/configuration · https://docs.dbos.dev/python/tutorials/workflow-communication
In its favour: coroutines instead of threads, WAL instead of its default rollback journal, five milliseconds instead of
a second between two looks for messages, no admin server, no telemetry.
"""

from __future__ import annotations

from time import perf_counter

BEGUN = perf_counter()

import os  # noqa: E402
from collections.abc import AsyncIterator  # noqa: E402
from contextlib import asynccontextmanager  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import sqlalchemy  # noqa: E402
from dbos import DBOS, DBOSConfig, SetWorkflowID, WorkflowHandleAsync  # noqa: E402

from ..workload import ANSWER, TICKET  # noqa: E402
from . import AS_IT_COMES  # noqa: E402
from .session import folded, main  # noqa: E402

DAY = 86_400


@DBOS.step()
async def ask(ticket: dict[str, str]) -> str:
    return f"asked about {ticket['title']}"


@DBOS.step()
async def finish(answer: str) -> str:
    return f"done: {answer}"


@DBOS.workflow()
async def lifecycle(ticket: dict[str, str]) -> str:
    await ask(ticket)
    return await finish(await DBOS.recv_async("answer", timeout_seconds=DAY))


@sqlalchemy.event.listens_for(sqlalchemy.Engine, "connect")
def durable(connection: Any, record: object) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


class Peer:
    pids = (os.getpid(),)

    def __init__(self, file: Path) -> None:
        self._file = file
        self._begun: dict[str, WorkflowHandleAsync[str]] = {}

    async def start(self, key: str) -> None:
        with SetWorkflowID(key):
            self._begun[key] = await DBOS.start_workflow_async(lifecycle, TICKET)

    async def resume(self, key: str) -> None:
        await DBOS.send_async(key, ANSWER, "answer")
        assert (await self._begun.pop(key).get_result()).startswith("done")

    def bytes_on_disk(self) -> int:
        return folded(self._file)


@asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[Peer]:
    file = directory / "dbos.sqlite"
    config: DBOSConfig = {
        "name": "bench", "system_database_url": f"sqlite:///{file}", "run_admin_server": False, "log_level": "ERROR",
        "application_version": "1", "enable_otlp": False,
    }  # fmt: skip
    if AS_IT_COMES not in os.environ:
        config["notification_listener_polling_interval_sec"] = 0.005
    DBOS(config=config)
    DBOS.launch()
    try:
        yield Peer(file)
    finally:
        DBOS.destroy()


if __name__ == "__main__":
    main(opened, BEGUN)
