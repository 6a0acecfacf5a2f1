"""RunQueue in the one table. A tenant's runs have a partition of their own: so the index keeps them apart from items.

pk              sk             what
tenant#runs     run#<id>       a run: version, body, item, and while somebody must look at it wake_at
tenant#runs     worker#<id>    a worker: body, seen_at, expires_at
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from factory_core.runs.queued_run import QueuedRun, Worker

from ..stores.record_sql import EPOCH, decode, encode, microseconds
from ..stores.unreadable_records import UnreadableRecords
from .dynamo_client import asked
from .record_codec import pack, unpack
from .table import EXPIRES, INDEX

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

RUN, WORKER = "run#", "worker#"
KEEP_WORKER = timedelta(days=1)


class DynamoRunQueue:
    """One tenant's line of runs. `client` gives the client at the first call."""

    def __init__(self, client: Callable[[], DynamoDBClient], table: str, tenant: str) -> None:
        self._client, self._table, self._partition = client, table, f"{tenant}#runs"

    async def get_run(self, run_id: str) -> QueuedRun | None:
        answer = await self._ask("get_item", Key=self._key(f"{RUN}{run_id}"), ConsistentRead=True)
        return _run(answer["Item"]) if "Item" in answer else None

    async def put_run(self, run: QueuedRun) -> QueuedRun:
        saved = run.model_copy(update={"version": run.version + 1})
        item = self._key(f"{RUN}{run.run_id}") | {
            "version": {"N": str(saved.version)},
            "body": {"B": pack(encode(saved), run.run_id)},
        }
        if saved.order:
            item["item"] = {"S": saved.order.work_item_id}
        if saved.due_at:
            item["wake_at"] = _number(saved.due_at)
        await self._ask("put_item", Item=item, **_only_over(saved.version))
        return saved

    async def delete_run(self, run_id: str) -> None:
        await self._ask("delete_item", Key=self._key(f"{RUN}{run_id}"))

    async def due_runs(self, now: datetime, limit: int) -> Sequence[str]:
        """The index follows the table within moments."""
        values = {":runs": {"S": self._partition}, ":now": _number(now)}
        answer = await self._ask(
            "query",
            IndexName=INDEX,
            KeyConditionExpression="pk = :runs AND wake_at <= :now",
            ExpressionAttributeValues=values,
            Limit=limit,
        )
        return [item["sk"]["S"].removeprefix(RUN) for item in answer["Items"]]

    async def runs_of(self, work_item_id: str) -> Sequence[QueuedRun]:
        return [_run(item) async for item in self._all(RUN, "#item = :value", {"S": work_item_id}, {"#item": "item"})]

    async def put_worker(self, worker: Worker) -> None:
        seen = worker.seen_at or EPOCH
        item = self._key(f"{WORKER}{worker.id}") | {
            "body": {"B": pack(encode(worker), worker.id)},
            "seen_at": _number(seen),
            EXPIRES: {"N": str(round((seen + KEEP_WORKER).timestamp()))},
        }
        await self._ask("put_item", Item=item)

    async def workers(self, since: datetime) -> Sequence[Worker]:
        found = self._all(WORKER, "seen_at >= :value", _number(since), {})
        damage = UnreadableRecords()
        read = [damage.read("", partial(_worker, item)) async for item in found]
        return [worker for worker in read if worker]

    async def _all(self, kind: str, only: str, value: Any, names: dict[str, str]) -> AsyncIterator[Any]:
        """Every row of a kind that fits, page by page, strongly consistent."""
        request: dict[str, Any] = {
            "ConsistentRead": True,
            "KeyConditionExpression": "pk = :runs AND begins_with(sk, :kind)",
            "FilterExpression": only,
            "ExpressionAttributeValues": {":runs": {"S": self._partition}, ":kind": {"S": kind}, ":value": value},
        } | ({"ExpressionAttributeNames": names} if names else {})
        while True:
            answer = await self._ask("query", **request)
            for item in answer["Items"]:
                yield item
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _key(self, sk: str) -> dict[str, Any]:
        return {"pk": {"S": self._partition}, "sk": {"S": sk}}

    async def _ask(self, operation: str, **request: Any) -> Any:
        request = {"TableName": self._table, **request}
        return await asyncio.to_thread(asked, self._client, self._table, operation, request)


def _only_over(version: int) -> dict[str, Any]:
    """Only over the version before; the first one only where nothing is."""
    if version == 1:
        return {"ConditionExpression": "attribute_not_exists(pk)"}
    before = {":before": {"N": str(version - 1)}}
    return {"ConditionExpression": "version = :before", "ExpressionAttributeValues": before}


def _run(item: Any) -> QueuedRun:
    return decode(QueuedRun, unpack(item["body"]["B"]))


def _worker(item: Any) -> Worker:
    return decode(Worker, unpack(item["body"]["B"]))


def _number(moment: datetime) -> dict[str, str]:
    return {"N": str(microseconds(moment))}
