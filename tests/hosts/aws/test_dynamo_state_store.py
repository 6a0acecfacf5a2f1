"""What only DynamoDB's store promises: what its items cost and show, and what each of its troubles is called."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from moto import mock_aws

from adapters.aws.dynamo_client import new_client
from adapters.aws.dynamo_items import ITEM, SOON, place
from adapters.aws.dynamo_state_store import DynamoStateStore
from adapters.aws.record_codec import MOST, pack, unpack
from adapters.aws.table import INDEX, definition
from factory_core.dispatch.effects import TriageItem
from factory_core.dispatch.records import InFlightRecord, Lease, LogEntry
from factory_core.errors import Problem, StoreUnavailable, Terminal, UnreadableRecord
from tests.stores.conformance.state_store_laws import NOW, HandClock, a_record, a_thread

from .emulators import KEYS, client_of, dynalite, new_table

TABLE = "factory"


async def at_once(call: Callable[[], Any]) -> Any:
    return call()


class Stand:
    """A store over moto in this process, and the table behind it."""

    def __init__(self, client: Any) -> None:
        self.client, self.clock, self.table = client, HandClock(), new_table(client)
        self.store = DynamoStateStore(lambda: client, self.table, "acme", self.clock, at_once)

    def item(self, sk: str) -> Any:
        return self.client.get_item(TableName=self.table, Key=place("acme", sk)).get("Item")

    def indexed(self) -> dict[str, int]:
        found = self.client.scan(TableName=self.table, IndexName=INDEX)["Items"]
        return {item["sk"]["S"]: int(item["wake_at"]["N"]) for item in found}


@pytest.fixture
def stand() -> Iterator[Stand]:
    with mock_aws():
        yield Stand(new_client(**KEYS))


def run(awaitable: Awaitable[Any]) -> Any:
    async def awaited() -> Any:
        return await awaitable

    return asyncio.run(awaited())


def test_a_place_in_the_index_moves_only_between_soon_and_late(stand: Stand) -> None:
    """While it is worked on, an item stays where it is in the index: moving costs more than the record itself."""
    places = []
    for wake_at in (NOW, NOW + timedelta(seconds=60), NOW + SOON, NOW + 2 * SOON, None):
        run(stand.store.put_in_flight(a_record(version=len(places), wake_at=wake_at)))
        places.append(stand.indexed().get(f"{ITEM}ACME-1"))
    assert places[:3] == [0, 0, 0] and places[3] is not None and places[3] > 0 and places[4] is None


def test_what_is_late_comes_in_order_among_what_is_soon(stand: Stand) -> None:
    """Long waits that are over come by their moment, and between them what was put off a little; more than one page."""
    moments = {f"ACME-{n}": NOW + SOON * (n % 4 - 1) + timedelta(seconds=n) for n in range(1, 301)}
    for item, wake_at in moments.items():
        run(stand.store.put_in_flight(a_record(item, wake_at=wake_at)))
    for now, overdue in ((NOW, 75), (NOW + timedelta(seconds=9), 78), (NOW + 2 * SOON, 225)):
        come = [item for moment, item in sorted((moment, item) for item, moment in moments.items()) if moment <= now]
        assert run(stand.store.due(now, 1_000)) == come and len(come) == overdue
        assert run(stand.store.due(now, 3)) == come[:3]


def test_an_index_that_lags_wakes_nobody_who_is_gone(stand: Stand) -> None:
    """What the index still shows and the table does not have is not due."""
    run(stand.store.put_in_flight(a_record(wake_at=NOW)))
    ghost = place("acme", f"{ITEM}ACME-1") | {"wake_at": {"N": "0"}}
    stand.client.put_item(TableName=stand.table, Item=ghost)
    assert run(stand.store.due(NOW, 10)) == []


def test_the_stream_shows_work_only_while_there_is_some_for_anybody(stand: Stand) -> None:
    """`work` names the lease's epoch while an effect is due that nobody performs; else it is absent."""
    record = a_record(lease=Lease(epoch=7)).plan([TriageItem()])
    later = record.outbox[0].model_copy(update={"not_before": NOW + timedelta(seconds=1)})
    shown = []
    held = record.but(lease=Lease(holder="a", epoch=7, until=NOW))
    for version, told in enumerate((record, held, record.but(outbox=(later,)), record.but(outbox=()))):
        run(stand.store.put_in_flight(told.but(version=version)))
        shown.append(stand.item(f"{ITEM}ACME-1").get("work"))
    assert shown == [{"N": "7"}, None, None, None]


def test_dynamodb_may_sweep_a_thread_only_when_it_is_past(stand: Stand) -> None:
    """Times to live are whole seconds: rounded up, never down."""
    run(stand.store.put_waiting_clarification(a_thread(deadline=NOW)))
    assert int(stand.item("thread#C1/17")["expires_at"]["N"]) == int(NOW.timestamp()) + 1


def test_a_record_too_large_for_an_item_is_refused_by_name(stand: Stand) -> None:
    """Long before DynamoDB's own limit, and nothing is stored."""
    noise = Random(1)
    lines = tuple(LogEntry(at=NOW, by="agent", text=f"{noise.getrandbits(8_000):x}") for _ in range(400))
    with pytest.raises(Terminal, match="ACME-1"):
        run(stand.store.put_in_flight(a_record(log=lines)))
    assert stand.item(f"{ITEM}ACME-1") is None and MOST < 400_000


@pytest.mark.parametrize("written", ["01c3a8231d9d7d5d750dd16a4afcf5632d00", "02c368df3a3afbbaea1aa2b572f1b76d6b01"])
def test_a_body_of_a_known_format_is_readable_for_ever(written: str) -> None:
    """These bytes were written by a release: the dictionary of a format may not change."""
    assert unpack(bytes.fromhex(written)) == READ == unpack(pack(READ, "it"))


READ = '{"work_item_id":"ACME-1","version":1,"state":"waiting-clarification"}'


@pytest.mark.parametrize(
    "body", [b"", b"\x03whatever", b"\x01no deflate", b"\x02no deflate", pack("{}", "it")[:-1] + b"\xff"]
)
def test_bytes_that_make_no_sense_are_not_an_absent_record(stand: Stand, body: bytes) -> None:
    stand.client.put_item(TableName=stand.table, Item=place("acme", f"{ITEM}ACME-1") | {"body": {"B": body}})
    with pytest.raises(UnreadableRecord):
        run(stand.store.get_in_flight("ACME-1"))


def trouble(store: DynamoStateStore) -> StoreUnavailable:
    """What each call says: the same, in one clear sentence with a fix."""
    told = []
    for ask in (lambda: store.get_in_flight("ACME-1"), lambda: store.due(NOW, 1)):
        with pytest.raises(StoreUnavailable) as caught:
            run(ask())
        told.append(caught.value)
    assert told[0].document() == told[1].document()
    return told[0]


REFUSALS = {
    "UnrecognizedClientException": (400, "does not know the credentials", "aws sts get-caller-identity"),
    "ExpiredTokenException": (400, "have expired", "aws sso login"),
    "AccessDeniedException": (400, "may not do that", "terraform apply"),
    "ThrottlingException": (400, "fewer requests", "CloudWatch"),
    "InternalServerError": (500, "could not do it", "health.aws.amazon.com"),
    "ServiceUnavailable": (503, "could not do it", "health.aws.amazon.com"),
}


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refusal_of_dynamodb_has_a_name_and_a_fix(code: str) -> None:
    """Each is 503 for the sender, who comes again; throttling says when."""
    status, why, fix = REFUSALS[code]

    class Raw:
        def stream(self, **_: Any) -> Iterator[bytes]:
            yield json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "no"}).encode()

    client = new_client("http://127.0.0.1:1", **KEYS)
    client.meta.events.register(
        "before-send.dynamodb", lambda **_: AWSResponse("http://127.0.0.1:1", status, {}, Raw())
    )
    problem = trouble(DynamoStateStore(lambda: client, TABLE, "acme", HandClock(), at_once))
    assert why in problem.why and fix in problem.fix and problem.http_status == 503
    assert problem.after == (1.0 if code == "ThrottlingException" else None)


def test_a_missing_table_and_a_wrong_region_are_told_in_one_sentence(stand: Stand) -> None:
    elsewhere = new_client(**{**KEYS, "region_name": "eu-west-3"})
    problem = trouble(DynamoStateStore(lambda: elsewhere, stand.table, "acme", stand.clock, at_once))
    assert "no such table in eu-west-3" in problem.why and "AWS_DEFAULT_REGION" in problem.fix


@pytest.mark.parametrize("missing", ["key", "index"])
def test_a_table_of_another_layout_is_told_from_ours(missing: str) -> None:
    """Another key, or no index of our layout's name. moto has other words for the second, so dynalite is asked."""
    with dynalite() as endpoint:
        client = client_of(endpoint)
        layout: Any = definition(TABLE)
        sk = "id" if missing == "key" else "sk"
        del layout["GlobalSecondaryIndexes"]
        layout["KeySchema"][1]["AttributeName"] = sk
        layout["AttributeDefinitions"][1:] = [{"AttributeName": sk, "AttributeType": "S"}]
        client.create_table(**layout)
        client.get_waiter("table_exists").wait(TableName=TABLE, WaiterConfig={"Delay": 1})
        store = DynamoStateStore(lambda: client, TABLE, "acme", HandClock(), at_once)
        with pytest.raises(StoreUnavailable) as caught:
            run(store.get_in_flight("ACME-1") if missing == "key" else store.due(NOW, 1))
    assert "another release" in caught.value.why and "new table" in caught.value.fix


@pytest.mark.parametrize("listens", [False, True])
def test_a_host_that_does_not_answer_is_no_empty_table(listens: bool) -> None:
    """Nobody there, or somebody who says nothing: both within the time that a sender gives us."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        endpoint = f"http://127.0.0.1:{server.getsockname()[1] if listens else 1}"
        client = new_client(endpoint, patience=0.1, **KEYS)
        problem = trouble(DynamoStateStore(lambda: client, TABLE, "acme", HandClock(), at_once))
    assert "cannot be reached" in problem.what and "network" in problem.fix


def test_credentials_and_region_that_are_not_set_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    fixes = {}
    for more in ({}, {"region_name": "us-east-1"}):
        store = DynamoStateStore(lambda more=more: new_client(**more), TABLE, "acme", HandClock(), at_once)
        problem = trouble(store)
        fixes[problem.why.split("(")[-1]] = problem.fix
    assert "AWS_DEFAULT_REGION" in fixes["NoRegionError)"] and "role" in fixes["NoCredentialsError)"]


def test_problems_quote_nothing_of_a_record(stand: Stand) -> None:
    """DynamoDB's own message may quote an item; ours does not."""
    big = InFlightRecord(work_item_id="s3cret" * 400)
    with pytest.raises(Problem) as caught:
        run(stand.store.put_in_flight(big))
    assert "s3cret" not in f"{caught.value.what} {caught.value.why} {caught.value.fix}"
