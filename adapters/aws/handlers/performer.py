"""Performs what the table's stream tells of. A record of the stream is a hint: what is due stands in the table.

So a repeated hint, a late one and one out of order cost a read and do nothing, and one that is dropped is found by the
check-in. Only while the table or a tenant's configuration cannot be read is it given back to the stream. A record that
nobody can read, or a fault of ours over one item, holds up no other: its name goes to the dead-letter queue.
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from factory_core.errors import Problem, UnreadableRecord

from ..clients import in_our_words
from ..dynamo_items import ITEM
from ..performer import LambdaPerformer
from ..process import process, time_is_up

logger = logging.getLogger("factory.aws")


class Hint(NamedTuple):
    """Something is to be done for this item; `sequence` is the stream's name for having said so."""

    tenant: str
    item: str
    sequence: str


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """A batch of the stream in; out come those of it that must be told again."""
    again = process().run(_performed(event, time_is_up(context)))
    return {"batchItemFailures": [{"itemIdentifier": sequence} for sequence in again]}


async def _performed(event: Mapping[str, Any], until: datetime) -> list[str]:
    hints = [hint for record in event["Records"] if (hint := _hint(record))]
    items: dict[str, dict[str, str]] = defaultdict(dict)
    for hint in hints:
        items[hint.tenant].setdefault(hint.item, hint.sequence)
    told = (_of_tenant(tenant, wanted, until) for tenant, wanted in items.items())
    ended = await asyncio.gather(*told, return_exceptions=True)
    return [
        sequence
        for (tenant, wanted), said in zip(items.items(), ended, strict=True)
        for sequence in (_all_again(tenant, wanted, said) if isinstance(said, BaseException) else said)
    ]


def _all_again(name: str, wanted: Mapping[str, str], error: BaseException) -> list[str]:
    """A tenant's trouble holds up no other: what does not pass is left to the check-in, which fails aloud."""
    logger.error("%s: %s", name, _why(error), extra={"action": "perform", "tenant": name})
    return list(wanted.values()) if _passes(error) else []


async def _of_tenant(name: str, wanted: Mapping[str, str], until: datetime) -> list[str]:
    """Perform for these items, and give the sequence numbers of those that must be told again."""
    performer = LambdaPerformer(await process().tenants(name), until)
    failed, counts = await performer.perform(wanted), performer.counts
    dead = {item: error for item, error in failed.items() if not _passes(error)}
    for item, error in failed.items():
        logger.error(
            "%s: %s", item, error, extra={"action": "perform", "tenant": name, "item": item, "dead": item in dead}
        )
    if dead:
        counts["UnreadableRecords"] += len(dead)
        await asyncio.to_thread(_bury, name, dead)
    process().measure(counts)
    return [sequence for item, sequence in wanted.items() if item in failed and item not in dead]


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


def _hint(record: Mapping[str, Any]) -> Hint | None:
    """None for what is no item of ours: a removal, another kind of row."""
    stream = record["dynamodb"]
    kind, _, item = stream["Keys"]["sk"]["S"].partition("#")
    if f"{kind}#" != ITEM or record["eventName"] == "REMOVE":
        return None
    return Hint(stream["Keys"]["pk"]["S"], item, stream["SequenceNumber"])
