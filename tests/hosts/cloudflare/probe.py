"""Goes into the Worker under test: the real one, and beside it a door to the stores, and faults for a test to order.

Pickles go in and out, so this is for tests alone; it is in no package.
"""

from __future__ import annotations

import asyncio
import pickle
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from workers import DurableObject, Response

from adapters.assembly import utc_now
from adapters.cloudflare import entry
from adapters.cloudflare.alarm import Alarm
from adapters.cloudflare.durable_object_state_store import DurableObjectStateStore
from adapters.cloudflare.object_database import ObjectDatabase
from adapters.stores.record_sql import Statement
from adapters.stores.sqlite.run_queue import SqliteRunQueue
from factory_core.errors import Problem, UnreadableRecord, VersionConflict
from factory_core.ports import Clock
from factory_simulator import stores
from factory_simulator.schedule import Schedule
from factory_simulator.simulation import Simulation

DOOR = "/probe/"


class Meter:
    """An object's storage, and what is billed of what is done to it."""

    def __init__(self, storage: Any) -> None:
        self._storage, self.sql = storage, self
        self._cursors: list[Any] = []
        self._alarms = 0

    def exec(self, sql: str, *values: Any) -> Any:
        self._cursors.append(self._storage.sql.exec(sql, *values))
        return self._cursors[-1]

    def setAlarm(self, milliseconds: int) -> Any:
        self._alarms += 1
        return self._storage.setAlarm(milliseconds)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def bill(self) -> dict[str, int]:
        """Since it was last asked."""
        cursors, self._cursors = self._cursors, []
        alarms, self._alarms = self._alarms, 0
        written, read = sum(c.rowsWritten for c in cursors), sum(c.rowsRead for c in cursors)
        return {"rows_written": int(written), "rows_read": int(read), "alarms": alarms}


async def answered(probed: Any, request: Any) -> Response:
    calls = pickle.loads(await request.bytes())
    return Response(pickle.dumps(await asyncio.gather(*(_said(probed, *call) for call in calls))))


async def _said(probed: Any, call: str, arguments: Any, more: Any) -> Any:
    try:
        return ("result", await getattr(probed, f"probe_{call}")(*arguments, **more))
    except VersionConflict:
        return ("VersionConflict",)
    except Problem as problem:
        return _words(problem)


def _words(problem: Problem) -> tuple[str, ...]:
    return type(problem).__name__, problem.what, problem.why, problem.fix


def is_probe(request: Any) -> bool:
    return urlsplit(request.url).path.startswith(DOOR)


class StoreObject(DurableObject):
    """A store and a queue alone, whose clock is the caller's."""

    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        self._now: datetime = utc_now()
        self._storage = Meter(ctx.storage)
        self._database = ObjectDatabase(self._storage, Alarm(self._storage))  # type: ignore[arg-type]
        self._database.create()
        self._stores: dict[str, DurableObjectStateStore] = {}

    async def fetch(self, request: Any) -> Response:
        return await answered(self, request)

    async def alarm(self, info: Any = None) -> None:
        """Nobody is woken here."""

    async def probe_store(self, tenant: str, now: datetime, call: str, *arguments: Any, **more: Any) -> Any:
        self._now = now
        fresh = DurableObjectStateStore(self._database, tenant, lambda: self._now)
        return await _called(self._stores.setdefault(tenant, fresh), call, arguments, more)

    async def probe_queue(self, tenant: str, call: str, *arguments: Any) -> Any:
        return await _called(SqliteRunQueue(self._database, tenant), call, arguments, {})

    async def probe_simulate(self, kept: str) -> dict[str, Any]:
        """One schedule over this object's store, in the object itself."""
        schedule = Schedule.model_validate_json(kept).model_copy(update={"store": "durable-object"})
        simulated: dict[int, DurableObjectStateStore] = {}

        def name(tenant: int) -> str:
            return f"{schedule.seed}-{tenant}"

        def text(tenant: int) -> str:
            select = "SELECT * FROM {} WHERE tenant = ?"
            rows = (self._storage.sql.exec(select.format(table), name(tenant)).raw() for table in stores.TABLES)
            return str(list(map(list, rows)))

        def opens(clock: Clock) -> stores.Storage:
            def store(tenant: int, process: int) -> DurableObjectStateStore:
                fresh = DurableObjectStateStore(self._database, name(tenant), clock)
                return simulated.setdefault(tenant, fresh)

            return stores.Storage(store, None, text)

        stores.EVERY["durable-object"] = opens
        with _loop_within():
            played = Simulation(schedule).play()
        broken = played.violation and [played.violation.law, played.violation.why]
        return {"broken": broken, "writes": played.counts["write"]}

    async def probe_execute(self, sql: str, *values: Any) -> Any:
        return await self._database.read(Statement(sql, values))

    async def probe_bill(self) -> dict[str, int]:
        return self._storage.bill()


class FactoryObject(entry.FactoryObject):
    """The real one, over a storage whose bill is kept."""

    def __init__(self, ctx: Any, env: Any) -> None:
        self._meter = ctx.storage = Meter(ctx.storage)
        super().__init__(ctx, env)
        self._faults, self._calls, self._silent = 0, Counter[str](), False

    async def fetch(self, request: Any) -> Response:
        if is_probe(request):
            return await answered(self, request)
        if self._silent:
            raise RuntimeError("the object does not answer, as the test ordered")
        self._calls["requests"] += 1
        return await super().fetch(request)

    async def alarm(self, info: Any = None) -> None:
        self._calls["rings"] += 1
        await super().alarm(info)

    async def probe_bill(self) -> dict[str, int]:
        calls, self._calls = self._calls, Counter()
        return {**self._meter.bill(), **calls}

    async def probe_execute(self, sql: str, *values: Any) -> Any:
        return list(self._meter.exec(sql, *values).raw())

    async def _opened(self) -> Any:
        tenant = await super()._opened()
        if self._alarm._ringing and self._faults:
            self._faults -= 1
            raise RuntimeError("a fault that the test ordered")
        return tenant

    async def probe_store(self, call: str, *arguments: Any) -> Any:
        return await _called((await self._opened()).store, call, arguments, {})

    async def probe_queue(self, call: str, *arguments: Any) -> Any:
        return await _called((await self._opened()).leases.queue, call, arguments, {})

    async def probe_order_faults(self, how_many: int) -> None:
        self._faults = how_many

    async def probe_be_silent(self, silent: bool) -> None:
        self._silent = silent

    async def probe_lose_alarm(self) -> None:
        """As the platform does after six retries."""
        await self.ctx.storage.deleteAlarm()

    async def probe_kept_reports(self) -> dict[str, Any]:
        """By the name of each, the second in which KV drops it."""
        listed = await self.env.LAST_REPORTS.list()
        return {key["name"]: key.get("expiration") for key in listed["keys"]}

    async def probe_alarm(self) -> Any:
        return await self.ctx.storage.getAlarm()


class Default(entry.Default):
    async def fetch(self, request: Any) -> Response:
        if not is_probe(request):
            return await super().fetch(request)
        _, _, binding, name = urlsplit(request.url).path.split("/")
        return await getattr(self.env, binding).getByName(name).fetch(request.js_object)


@contextmanager
def _loop_within() -> Iterator[None]:
    """Another loop may run to its end here, as if none was running."""
    outer = asyncio.get_running_loop()
    task = asyncio.tasks._swap_current_task(outer, None)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        asyncio.events._set_running_loop(outer)
        asyncio.tasks._swap_current_task(outer, task)  # type: ignore[attr-defined]


async def _called(store: Any, call: str, arguments: Any, more: Any) -> Any:
    found = getattr(store, call)(*arguments, **more)
    return await _listed(found) if call == "list_in_flight" else await found


async def _listed(found: Any) -> Any:
    """What came, and how it ended."""
    records = list[Any]()
    try:
        async for record in found:
            records.append(record)
    except UnreadableRecord as problem:
        return records, _words(problem)
    return records, ("result", None)
