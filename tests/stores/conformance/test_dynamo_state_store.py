"""DynamoStateStore keeps the laws of the port, on moto's server or whatever DYNAMODB_ENDPOINT names.

One call after the other: moto lets two conditional puts win at once; tests/hosts/aws/test_dynamo_races.py is for many.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from adapters.aws.dynamo_items import ITEM, place
from adapters.aws.dynamo_run_queue import DynamoRunQueue
from adapters.aws.dynamo_state_store import DynamoStateStore
from adapters.aws.record_codec import pack, unpack
from adapters.aws.table import EXPIRES
from factory_core.ports import StateStore
from tests.hosts.aws.emulators import any_dynamodb, client_of, new_table

from .state_store_laws import HandClock, StateStoreLaws


async def in_turn(call: Callable[[], Any]) -> Any:
    await asyncio.sleep(0)
    return call()


class DynamoWorld:
    def __init__(self, client: Any, call: Callable[[Callable[[], Any]], Awaitable[Any]]) -> None:
        self.clock = HandClock()
        self.client, self.table, self.call = client, new_table(client), call

    async def open(self, tenant: str) -> StateStore:
        return DynamoStateStore(lambda: self.client, self.table, tenant, self.clock, self.call)

    async def plant(self, tenant: str, work_item_id: str, version: int, body: str) -> None:
        item = place(tenant, f"{ITEM}{work_item_id}") | {
            "version": {"N": str(version)},
            "body": {"B": pack(body, "it")},
        }
        self.client.put_item(TableName=self.table, Item=item)

    async def open_queue(self, tenant: str) -> DynamoRunQueue:
        return DynamoRunQueue(lambda: self.client, self.table, tenant)

    def everything(self) -> str:
        """DynamoDB deletes by itself what is past its time, within days; moto does not."""
        items = self.client.scan(TableName=self.table, ConsistentRead=True)["Items"]
        now = self.clock.now.timestamp()
        return "\n".join(
            f"{item} {unpack(item['body']['B']) if 'body' in item else ''}"
            for item in items
            if EXPIRES not in item or float(item[EXPIRES]["N"]) >= now
        )

    def cut(self) -> None:
        self.client = client_of("http://127.0.0.1:1")


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with any_dynamodb() as endpoint:
        yield client_of(endpoint)


class TestDynamoStateStore(StateStoreLaws):
    examples = 10  # each call is a request

    @pytest.fixture
    def world(self, client: Any) -> Iterator[DynamoWorld]:
        world = DynamoWorld(client, in_turn)
        yield world
        client.delete_table(TableName=world.table)
