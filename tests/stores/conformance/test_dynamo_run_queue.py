"""DynamoRunQueue keeps the laws of the port."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from adapters.aws.dynamo_run_queue import DynamoRunQueue
from tests.hosts.aws.emulators import any_dynamodb, client_of, new_table

from .run_queue_laws import RunQueueLaws


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with any_dynamodb() as found:
        yield found


class DynamoWorld:
    def __init__(self, endpoint: str) -> None:
        self.client: Any = client_of(endpoint)
        self.table = new_table(self.client)

    async def open(self, tenant: str) -> DynamoRunQueue:
        return DynamoRunQueue(lambda: self.client, self.table, tenant)

    def cut(self) -> None:
        self.client = client_of("http://127.0.0.1:9")


class TestDynamoRunQueue(RunQueueLaws):
    @pytest.fixture
    def world(self, endpoint: str) -> DynamoWorld:
        return DynamoWorld(endpoint)
