"""LangGraph with SqliteSaver: a node that asks, one that interrupts, one that ends.

https://docs.langchain.com/oss/python/langgraph/interrupts · https://docs.langchain.com/oss/python/langgraph/durable-execution
durability="sync", the one mode that persists a step before the next begins.
"""

from __future__ import annotations

from time import perf_counter

BEGUN = perf_counter()

import asyncio  # noqa: E402
import os  # noqa: E402
import sqlite3  # noqa: E402
from collections.abc import AsyncIterator  # noqa: E402
from concurrent.futures import ThreadPoolExecutor  # noqa: E402
from contextlib import asynccontextmanager  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any, TypedDict  # noqa: E402

from langgraph.checkpoint.sqlite import SqliteSaver  # noqa: E402
from langgraph.graph import END, START, StateGraph  # noqa: E402
from langgraph.types import Command, interrupt  # noqa: E402

from ..workload import ANSWER, TICKET  # noqa: E402
from .session import folded, main  # noqa: E402


class Life(TypedDict, total=False):
    ticket: dict[str, str]
    asked: str
    answer: str
    ended: str


def ask(state: Life) -> Life:
    return {"asked": f"asked about {state['ticket']['title']}"}


def wait(state: Life) -> Life:
    return {"answer": interrupt(state["asked"])}


def finish(state: Life) -> Life:
    return {"ended": f"done: {state['answer']}"}


class Peer:
    pids = (os.getpid(),)

    def __init__(self, file: Path) -> None:
        self._file = file
        self._sql = sqlite3.connect(file, check_same_thread=False)
        self._sql.execute("PRAGMA synchronous = FULL")
        saver = SqliteSaver(self._sql)  # sets WAL by itself
        graph = StateGraph(Life).add_node("ask", ask).add_node("wait", wait).add_node("finish", finish)
        graph.add_edge(START, "ask").add_edge("ask", "wait").add_edge("wait", "finish").add_edge("finish", END)
        self._graph = graph.compile(checkpointer=saver)
        self._threads = ThreadPoolExecutor(32)

    async def start(self, key: str) -> None:
        assert "__interrupt__" in await self._invoke({"ticket": TICKET}, key)

    async def resume(self, key: str) -> None:
        assert (await self._invoke(Command(resume=ANSWER), key))["ended"].startswith("done")

    def bytes_on_disk(self) -> int:
        return folded(self._file)

    async def _invoke(self, given: Any, key: str) -> dict[str, Any]:
        thread: Any = {"configurable": {"thread_id": key}}
        call = asyncio.get_running_loop().run_in_executor
        return await call(self._threads, lambda: self._graph.invoke(given, thread, durability="sync"))


@asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[Peer]:
    yield Peer(directory / "langgraph.sqlite")


if __name__ == "__main__":
    main(opened, BEGUN)
