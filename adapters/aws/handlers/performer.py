"""Performs what the table's stream tells of. A record of the stream is a hint: what is due stands in the table.

So a repeated hint, a late one and one out of order cost a read and do nothing, and one that is dropped is found by the
check-in. Only while the table or a tenant's configuration cannot be read is it given back to the stream. A record that
nobody can read, or a fault of ours over one item, holds up no other: its name goes to the dead-letter queue.
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
https://docs.powertools.aws.dev/lambda/python/latest/utilities/batch/
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.batch import AsyncBatchProcessor, EventType, async_process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord, DynamoDBRecordEventName

from factory_core.errors import Problem, UnreadableRecord

from ..clients import in_our_words
from ..dynamo_items import CORRELATION, ITEM
from ..logger import correlate, function_logger
from ..performer import LambdaPerformer
from ..process import process, time_is_up
from ..tracer import traced

logger = logging.getLogger("factory.aws")


@function_logger.inject_lambda_context(clear_state=True)
@traced
def handler(event: Mapping[str, Any], context: Any) -> Any:
    """A batch of the stream in; out come those of it that must be told again."""
    process()  # whose loop the batch runs in
    processor = AsyncBatchProcessor(EventType.DynamoDBStreams, raise_on_entire_batch_failure=False)
    batch = _Batch(time_is_up(context))
    return async_process_partial_response(dict(event), batch.perform, processor, context)


class _Batch:
    """One call's. Several records of one item are one piece of work."""

    def __init__(self, until: datetime) -> None:
        self._until = until
        self._items: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def perform(self, record: DynamoDBRecord) -> None:
        """Raises what passes, so that the stream tells it again."""
        stream = record.dynamodb
        if stream is None or record.event_name is DynamoDBRecordEventName.REMOVE:
            return
        kind, _, item = stream.keys["sk"].partition("#")
        if f"{kind}#" != ITEM:
            return
        place = (stream.keys["pk"], item)
        if place not in self._items:
            correlate(stream.new_image.get(CORRELATION, ""))
            self._items[place] = asyncio.create_task(_performed(*place, self._until))
        await self._items[place]


async def _performed(name: str, item: str, until: datetime) -> None:
    """A tenant's trouble holds up no other: what does not pass is left to the check-in, which fails aloud."""
    try:
        performer = LambdaPerformer(await process().tenants(name), until)
        failed, counts = await performer.perform([item]), performer.counts
    except Exception as trouble:
        logger.error("%s: %s", name, _why(trouble), extra={"action": "perform", "tenant": name})
        if _passes(trouble):
            raise
        return
    dead = {one: error for one, error in failed.items() if not _passes(error)}
    for one, error in failed.items():
        logger.error(
            "%s: %s", one, error, extra={"action": "perform", "tenant": name, "item": one, "dead": one in dead}
        )
    if dead:
        counts["UnreadableRecords"] += len(dead)
        await asyncio.to_thread(_bury, name, dead)
    process().measure(counts)
    if item in failed and item not in dead:
        raise failed[item]


def _passes(error: BaseException) -> bool:
    """Will it be well when the stream tells it again?"""
    return isinstance(error, Problem) and error.retryable and not isinstance(error, UnreadableRecord)


def _why(error: BaseException) -> str:
    return f"{error}: {error.why}" if isinstance(error, Problem) else type(error).__name__


def _bury(tenant: str, dead: Mapping[str, BaseException]) -> None:
    for item, error in dead.items():
        letter = {"tenant": tenant, "item": item, "why": _why(error)}
        with in_our_words("the dead-letter queue cannot be written"):
            process().clients.sqs.send_message(
                QueueUrl=process().deployment.dead_effects, MessageBody=json.dumps(letter)
            )
