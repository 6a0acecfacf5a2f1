"""StateStore in one DynamoDB table: the requests are dynamo_items', the door is dynamo_client's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from factory_core.dispatch.batch import Batch
from factory_core.dispatch.records import ClarificationRecord, InFlightRecord, State
from factory_core.errors import UnreadableRecord, VersionConflict
from factory_core.ports import Clock

from ..stores.record_sql import decode, microseconds, successor
from ..stores.unreadable_records import UnreadableRecords
from . import dynamo_items as items
from .dynamo_client import asked
from .record_codec import unpack

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

Stored = TypeVar("Stored", InFlightRecord, ClarificationRecord, Batch)
AT_ONCE = 100  # keys in one BatchGetItem; its limit


class DynamoStateStore:
    """One tenant's part of the table.

    `client` gives the client at the first call: dynamo_client, unless a test brings its own. `call` runs a blocking
    call for a coroutine: in a thread, unless nothing else is to go on meanwhile. `correlation_id` goes with each save
    that wakes the performer.
    """

    def __init__(
        self,
        client: Callable[[], DynamoDBClient],
        table: str,
        tenant: str,
        clock: Clock,
        call: Callable[[Callable[[], Any]], Awaitable[Any]] = asyncio.to_thread,
        correlation_id: Callable[[], str] = str,
    ) -> None:
        self._correlation_id = correlation_id
        self._client, self._table, self._tenant, self._clock, self._call = client, table, tenant, clock, call

    async def get_in_flight(self, name: str) -> InFlightRecord | None:
        item = await self._get(f"{items.ITEM}{name}")
        if item is None and (alias := await self._get(f"{items.ALIAS}{name}")):
            item = await self._get(f"{items.ITEM}{alias['item']['S']}")
        return _read(InFlightRecord, item) if item else None

    async def put_in_flight(
        self, record: InFlightRecord, *, batch: Batch | None = None, clarification: ClarificationRecord | None = None
    ) -> InFlightRecord:
        saved = successor(record)
        request = items.put_in_flight(self._table, self._tenant, saved, self._clock(), self._correlation_id())
        for alias in record.new_aliases:
            await self._ask("put_item", items.put_alias(self._table, self._tenant, alias, record.work_item_id))
        if batch is not None:
            await self.put_batch(batch)
        if clarification is not None:
            await self.put_waiting_clarification(clarification)
        await self._ask("put_item", request)
        return saved

    async def delete_in_flight(
        self, work_item_id: str, version: int | None = None, leaving: InFlightRecord | None = None
    ) -> None:
        """The record first: an alias that is left behind leads nowhere."""
        item = await self._get(f"{items.ITEM}{work_item_id}")
        if leaving:
            saved = successor(leaving.but(version=version or 0))
            await self._ask("put_item", items.put_in_flight(self._table, self._tenant, saved, self._clock()))
        else:
            request = items.delete(self._table, self._tenant, f"{items.ITEM}{work_item_id}", version)
            await self._ask("delete_item", request)
        for alias in _aliases(item):
            with suppress(VersionConflict):
                await self._ask("delete_item", items.delete_alias(self._table, self._tenant, alias, work_item_id))

    async def list_in_flight(self) -> AsyncIterator[InFlightRecord]:
        damage = UnreadableRecords()
        async for page in self._pages(lambda after: items.list_in_flight(self._table, self._tenant, after)):
            for item in page:
                name = item["sk"]["S"].removeprefix(items.ITEM)
                if record := damage.read(name, partial(_read, InFlightRecord, item)):
                    yield record
        damage.raise_if_any()

    async def get_waiting_clarification(self, thread_id: str) -> ClarificationRecord | None:
        item = await self._get(f"{items.THREAD}{thread_id}")
        there = item and int(item["deadline"]["N"]) >= microseconds(self._clock())
        return _read(ClarificationRecord, item) if there else None

    async def put_waiting_clarification(self, record: ClarificationRecord) -> ClarificationRecord:
        saved = successor(record)
        request = items.put_clarification(self._table, self._tenant, saved, self._clock())
        await self._ask("put_item", request)
        return saved

    async def delete_waiting_clarification(self, thread_id: str) -> None:
        request = items.delete(self._table, self._tenant, f"{items.THREAD}{thread_id}")
        await self._ask("delete_item", request)

    async def due(self, now: datetime, limit: int) -> Sequence[str]:
        soon, late = list[str](), list[tuple[int, str]]()
        async for page in self._pages(lambda after: items.due(self._table, self._tenant, now, after)):
            for item in page:
                wake_at, sk = int(item["wake_at"]["N"]), item["sk"]["S"]
                late.append((wake_at, sk)) if wake_at else soon.append(sk)
            if len(late) >= limit:
                break
        come = late + [(moment, sk) for moment, sk in await self._moments(soon) if moment <= microseconds(now)]
        return [sk.removeprefix(items.ITEM) for _, sk in sorted(come)[:limit]]

    async def in_state(self, state: State, after: str, limit: int) -> Sequence[str]:
        """Reads the keys of all items behind that one, until there are enough: it is asked for only after a gap."""
        found = list[str]()
        async for page in self._pages(lambda key: items.in_state(self._table, self._tenant, state, after, key)):
            found += [item["sk"]["S"].removeprefix(items.ITEM) for item in page]
            if len(found) >= limit:
                break
        return found[:limit]

    async def get_batch(self) -> Batch:
        item = await self._get(items.BATCH)
        return _read(Batch, item) if item else Batch()

    async def put_batch(self, batch: Batch) -> Batch:
        saved = successor(batch)
        request = items.put_batch(self._table, self._tenant, saved)
        await self._ask("put_item", request)
        return saved

    async def _get(self, sk: str) -> Any:
        request = items.get(self._table, self._tenant, sk)
        return (await self._ask("get_item", request)).get("Item")

    async def _pages(self, request: Callable[[Any], Any]) -> AsyncIterator[list[Any]]:
        after: Any = {}
        while after is not None:
            answer = await self._ask("query", request(after))
            yield answer["Items"]
            after = answer.get("LastEvaluatedKey")

    async def _moments(self, keys: Sequence[str]) -> list[tuple[int, str]]:
        """When each of these is to be woken, as its own item says; what is gone has no moment."""
        found, left = list[tuple[int, str]](), [items.place(self._tenant, sk) for sk in keys]
        while left:
            answer = await self._ask("batch_get_item", items.moments(self._table, left[:AT_ONCE]))
            found += [
                (int(item["moment"]["N"]), item["sk"]["S"])
                for item in answer["Responses"][self._table]
                if "moment" in item
            ]
            left = answer["UnprocessedKeys"].get(self._table, {"Keys": []})["Keys"] + left[AT_ONCE:]
        return found

    async def _ask(self, operation: str, request: Any) -> Any:
        return await self._call(lambda: asked(self._client, self._table, operation, request))


def _aliases(item: Any) -> tuple[str, ...]:
    """Of a record that cannot be read nobody knows them."""
    try:
        return _read(InFlightRecord, item).aliases if item else ()
    except UnreadableRecord:
        return ()


def _read(model: type[Stored], item: Any) -> Stored:
    return decode(model, unpack(item["body"]["B"]))
