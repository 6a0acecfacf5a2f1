"""Each read and each change as one request. Nothing here asks anybody.

One conditional PutItem stores an item and moves its place in the index with it. A put costs by the kilobyte, and twice
more where `wake_at` moves; so what is to be looked at soon has one place, 0, and only what waits long has its moment.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from factory_core.dispatch.batch import Batch
from factory_core.dispatch.records import ClarificationRecord, InFlightRecord, State

from ..stores.record_sql import encode, microseconds
from .record_codec import pack
from .table import EXPIRES, INDEX

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import (
        AttributeValueTypeDef,
        BatchGetItemInputTypeDef,
        DeleteItemInputTypeDef,
        GetItemInputTypeDef,
        PutItemInputTypeDef,
        QueryInputTypeDef,
    )

    Attributes = dict[str, AttributeValueTypeDef]

ITEM, ALIAS, THREAD, BATCH = "item#", "alias#", "thread#", "batch"
CORRELATION = "correlation_id"  # of the save that woke the performer; nothing is decided by it
SOON = timedelta(minutes=40)  # leaving the place 0 and coming back: 4 write units, the price of 40 looks, one a minute


def place(tenant: str, sk: str) -> Attributes:
    return {"pk": {"S": tenant}, "sk": {"S": sk}}


def get(table: str, tenant: str, sk: str) -> GetItemInputTypeDef:
    return {"TableName": table, "Key": place(tenant, sk), "ConsistentRead": True}


def put_in_flight(
    table: str, tenant: str, saved: InFlightRecord, now: datetime, correlation_id: str = ""
) -> PutItemInputTypeDef:
    """`saved` is what successor() made, here and below. `work` wakes a performer: not while one is at it."""
    more: Attributes = {"state": {"S": saved.state.value}}
    if saved.wake_at:
        more["moment"] = _number(saved.wake_at)
        more["wake_at"] = more["moment"] if saved.wake_at > now + SOON else {"N": "0"}
    if not saved.lease.holder and saved.due(now):
        more["work"] = {"N": str(saved.lease.epoch)}
        if correlation_id:
            more[CORRELATION] = {"S": correlation_id}
    return _swap(table, place(tenant, f"{ITEM}{saved.work_item_id}") | more, saved, saved.work_item_id)


def put_alias(table: str, tenant: str, alias: str, work_item_id: str) -> PutItemInputTypeDef:
    """The newest record that goes by a name has it. One that leads to no record leads nowhere, and harms nobody."""
    return {"TableName": table, "Item": place(tenant, f"{ALIAS}{alias}") | {"item": {"S": work_item_id}}}


def delete_alias(table: str, tenant: str, alias: str, work_item_id: str) -> DeleteItemInputTypeDef:
    """Unless another record goes by it meanwhile."""
    return {
        "TableName": table,
        "Key": place(tenant, f"{ALIAS}{alias}"),
        "ConditionExpression": "#item = :item",
        "ExpressionAttributeNames": {"#item": "item"},
        "ExpressionAttributeValues": {":item": {"S": work_item_id}},
    }


def put_clarification(table: str, tenant: str, saved: ClarificationRecord, now: datetime) -> PutItemInputTypeDef:
    """A thread past its deadline is absent, even if it was not swept yet."""
    more: Attributes = {
        "deadline": _number(saved.deadline),
        EXPIRES: {"N": str(-(-microseconds(saved.deadline) // 1_000_000))},
    }
    request = _swap(table, place(tenant, f"{THREAD}{saved.thread_id}") | more, saved, f"thread {saved.thread_id}")
    past = "OR deadline < :now" if saved.version == 1 else "AND deadline >= :now"
    request["ConditionExpression"] = f"{request['ConditionExpression']} {past}"
    request["ExpressionAttributeValues"] = {**request.get("ExpressionAttributeValues", {}), ":now": _number(now)}
    return request


def put_batch(table: str, tenant: str, saved: Batch) -> PutItemInputTypeDef:
    return _swap(table, place(tenant, BATCH), saved, "the batch")


def delete(table: str, tenant: str, sk: str, version: int | None = None) -> DeleteItemInputTypeDef:
    request: DeleteItemInputTypeDef = {"TableName": table, "Key": place(tenant, sk)}
    if version is not None:
        request["ConditionExpression"] = "version = :version"
        request["ExpressionAttributeValues"] = {":version": {"N": str(version)}}
    return request


def list_in_flight(table: str, tenant: str, after: Attributes) -> QueryInputTypeDef:
    """The next page, of up to 1 MB; the first is after nothing."""
    request: QueryInputTypeDef = {
        "TableName": table,
        "ConsistentRead": True,
        "KeyConditionExpression": "pk = :tenant AND begins_with(sk, :item)",
        "ExpressionAttributeValues": {":tenant": {"S": tenant}, ":item": {"S": ITEM}},
    }
    return request | {"ExclusiveStartKey": after} if after else request


def in_state(table: str, tenant: str, state: State, behind: str, after: Attributes) -> QueryInputTypeDef:
    """The next page of the items behind that id; of those of an older release nobody knows the state."""
    request: QueryInputTypeDef = {
        "TableName": table,
        "KeyConditionExpression": "pk = :tenant AND sk BETWEEN :first AND :last",
        "FilterExpression": "attribute_not_exists(#state) OR #state = :state",
        "ProjectionExpression": "sk",
        "ExpressionAttributeNames": {"#state": "state"},
        "ExpressionAttributeValues": {
            ":tenant": {"S": tenant},
            ":first": {"S": f"{ITEM}{behind}\0"},  # the first string behind that one
            ":last": {"S": f"{ITEM[:-1]}{chr(ord(ITEM[-1]) + 1)}"},
            ":state": {"S": state.value},
        },
    }
    return request | {"ExclusiveStartKey": after} if after else request


def due(table: str, tenant: str, now: datetime, after: Attributes) -> QueryInputTypeDef:
    """The index up to now: first what is to be looked at soon, in no order, then what waited long, by its moment.

    The index follows the table within moments. What it does not show yet is due at the next tick; what it still shows
    is read again before anything is done: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html
    """
    request: QueryInputTypeDef = {
        "TableName": table,
        "IndexName": INDEX,
        "KeyConditionExpression": "pk = :tenant AND wake_at <= :now",
        "ExpressionAttributeValues": {":tenant": {"S": tenant}, ":now": _number(now)},
    }
    return request | {"ExclusiveStartKey": after} if after else request


def moments(table: str, keys: list[Attributes]) -> BatchGetItemInputTypeDef:
    return {"RequestItems": {table: {"Keys": keys, "ProjectionExpression": "sk, moment"}}}


def _swap(
    table: str, item: Attributes, saved: InFlightRecord | ClarificationRecord | Batch, name: str
) -> PutItemInputTypeDef:
    """Stores it only over the version before; the first one only where nothing is."""
    item |= {"version": {"N": str(saved.version)}, "body": {"B": pack(encode(saved), name)}}
    request: PutItemInputTypeDef = {"TableName": table, "Item": item}
    if saved.version == 1:
        request["ConditionExpression"] = "attribute_not_exists(pk)"
    else:
        request["ConditionExpression"] = "version = :before"
        request["ExpressionAttributeValues"] = {":before": {"N": str(saved.version - 1)}}
    return request


def _number(moment: datetime) -> AttributeValueTypeDef:
    return {"N": str(microseconds(moment))}
