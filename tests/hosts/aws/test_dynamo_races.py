"""Where many want the same, one gets it: on dynalite, for moto lets two conditional puts win at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from adapters.aws.dynamo_state_store import DynamoStateStore
from factory_core.errors import VersionConflict
from tests.stores.conformance.state_store_laws import HandClock, StateStoreLaws, a_record
from tests.stores.conformance.test_dynamo_state_store import DynamoWorld

from .emulators import client_of, dynalite, new_table

WRITERS, ROUNDS = 16, 60


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with dynalite() as endpoint:
        yield client_of(endpoint)


@pytest.fixture
def world(client: Any) -> DynamoWorld:
    return DynamoWorld(client, asyncio.to_thread)


class TestRacesOfTheSuite:
    """The port's own laws about many writers, with each call in a thread of its own."""

    test_no_update_is_lost_among_many_writers = StateStoreLaws.test_no_update_is_lost_among_many_writers
    test_of_many_creators_one_wins = StateStoreLaws.test_of_many_creators_one_wins


def test_of_threads_that_write_at_the_same_moment_one_wins_each_round(client: Any) -> None:
    """Sixteen threads, each a process for itself, put a record over the same version."""
    table, gate = new_table(client), Barrier(WRITERS)

    def writer(number: int) -> list[int]:
        """The rounds that this one won."""
        store = DynamoStateStore(lambda: client, table, "acme", HandClock())
        won = []
        for n in range(ROUNDS):
            gate.wait(60)
            try:
                asyncio.run(store.put_in_flight(a_record(version=n, attempt=number)))
            except VersionConflict:
                continue
            won.append(n)
        return won

    with ThreadPoolExecutor(WRITERS) as threads:
        winners = sorted(n for won in threads.map(writer, range(WRITERS)) for n in won)
    assert winners == list(range(ROUNDS))
