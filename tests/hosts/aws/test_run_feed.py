"""What feeds the workers on AWS: a queue of pointers that may lose, repeat and delay, and a table that decides."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from moto import mock_aws

from adapters.aws.deployment import Deployment
from adapters.aws.run_claims import RunClaims
from adapters.aws.run_messages import RunMessages
from adapters.fleets.worker_queue.endpoint import WorkerEndpoint
from adapters.fleets.worker_queue.fleet import WorkerQueueFleet
from factory_core.errors import Retryable
from factory_core.http import HttpRequest
from factory_core.runs.queued_run import MOST_OFFERS, RunState, Worker, queued
from factory_core.runs.run import RunStatus

from .cloud import KEYS
from .line import ANNA, BERT, MOST_RECEIVES, Account, Line, order

CODEX = Worker(id="codex-001", engines=("codex",))


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield Account(monkeypatch)


@pytest.fixture
def line(account: Account) -> Line:
    return account.line()


def test_a_run_is_handed_to_whoever_asks_first_and_its_message_goes_when_it_is_confirmed(line: Line) -> None:
    async def story() -> None:
        await line.fleet.start(order())
        run = await line.claim(ANNA)
        assert run and (run.run_id, run.holder, run.state) == ("R-1", ANNA.id, RunState.OFFERED)
        assert (await line.claim(BERT), line.told) == (None, 1)
        await line.beats(run, ANNA)
        line.passes(36)
        assert (await line.claim(BERT), line.told) == (None, 0)

    asyncio.run(story())


def test_an_idle_worker_asks_for_a_message_and_reads_no_table(account: Account, line: Line) -> None:
    """Its presence is written, one message is asked for; neither its index nor a run is read."""
    door = WorkerEndpoint(line.leases, ["token"], claim=line.claim)
    body = json.dumps({"schema": "factory.worker/1", "worker": {"id": ANNA.id, "engines": ["claude"]}}).encode()
    headers = {"authorization": "Bearer token"}
    asked = HttpRequest(path="/fleet/acme/claim", headers=headers, body=body, received_at=datetime.now(UTC))
    account.asked.clear()
    answer = asyncio.run(door.handle(asked))
    assert (answer.status, "run" in json.loads(answer.body)) == (200, False)
    assert account.asked == Counter(PutItem=1, ReceiveMessage=1)


def test_a_run_whose_message_was_never_sent_is_told_of_by_the_check_in_and_once(line: Line) -> None:
    """The process died between the two writes; nobody is told again while a message is there."""

    async def story() -> None:
        await line.leases.queue.put_run(queued(order(), line.account.now))
        assert await line.claim(ANNA) is None
        for _ in range(3):
            await line.check_in()
        assert line.told == 1
        assert (await line.claim(ANNA)) is not None

    asyncio.run(story())


def test_a_check_in_with_nothing_in_line_does_not_count(account: Account, line: Line) -> None:
    account.asked.clear()
    asyncio.run(line.check_in())
    assert account.asked == Counter(Query=1)


def test_two_workers_and_a_repeated_message_are_one_live_run(line: Line) -> None:
    async def story() -> None:
        await line.fleet.start(order())
        await line.fleet.start(order())
        assert line.told == 2
        taken = [await line.claim(worker) for worker in (ANNA, BERT)]
        assert [run.holder if run else "" for run in taken] == [ANNA.id, ""]
        assert line.told == 1

    asyncio.run(story())


def test_an_offer_that_nobody_confirmed_comes_again_and_the_fifth_is_the_last(line: Line) -> None:
    """The message is hidden for as long as the offer stands; what breaks workers ends, and is no dead letter."""

    async def story() -> None:
        await line.fleet.start(order())
        for offers in range(MOST_OFFERS):
            run = await line.claim(ANNA)
            assert run and (run.offers, run.epoch) == (offers + 1, offers + 1)
            line.passes(30)
            assert await line.claim(BERT) is None
            line.passes(6)
        assert await line.claim(ANNA) is None
        assert [end.status for end in line.ends] == [RunStatus.FAILED]
        assert (line.told, line.account.count(line.account.dead)) == (0, 0)

    asyncio.run(story())


def test_a_worker_without_the_engine_hides_a_run_from_nobody(line: Line) -> None:
    """However often it asks: what is put back is a new message, and none of them is dead."""

    async def story() -> None:
        await line.fleet.start(order())
        for _ in range(3 * int(MOST_RECEIVES)):
            assert await line.claim(CODEX) is None
        assert (line.told, line.account.count(line.account.dead)) == (1, 0)
        assert (await line.claim(ANNA)) is not None

    asyncio.run(story())


def test_behind_a_run_for_others_one_finds_ones_own(line: Line) -> None:
    async def story() -> None:
        await line.fleet.start(order("R-1"))
        await line.fleet.start(order("R-2", work_item_id="ACME-2", engine="codex"))
        run = await line.claim(CODEX)
        assert run and run.run_id == "R-2"
        run = await line.claim(ANNA)
        assert run and run.run_id == "R-1"

    asyncio.run(story())


def test_a_run_that_cannot_be_read_keeps_no_other_from_workers_and_the_check_in(account: Account, line: Line) -> None:
    """Its message comes first; the claim goes on to the next, and so does the check-in."""

    async def story() -> None:
        await line.fleet.start(order("R-1"))
        key, queue = {"pk": {"S": "acme#runs"}, "sk": {"S": "run#R-1"}}, line.leases.queue
        account.dynamo.update_item(
            TableName=queue._table, Key=key, UpdateExpression="SET body = :body",
            ExpressionAttributeValues={":body": {"B": b"no record"}},
        )  # fmt: skip
        await line.fleet.start(order("R-2", work_item_id="ACME-2"))
        run = await line.claim(ANNA)
        assert run and run.run_id == "R-2"
        await line.beats(run, ANNA)
        line.passes(400)
        await line.check_in()
        assert [end.run_id for end in line.ends] == ["R-2"]

    asyncio.run(story())


def test_the_worker_that_keeps_the_session_comes_first_for_a_while(line: Line) -> None:
    async def story() -> None:
        await line.leases.queue.put_run(queued(order(), line.account.now, home=ANNA.id))
        await line.messages.tell("R-1")
        assert await line.claim(BERT) is None
        line.passes(29)
        assert await line.claim(BERT) is None
        line.passes(1)
        run = await line.claim(BERT)
        assert run and run.holder == BERT.id

    asyncio.run(story())


@pytest.mark.parametrize("body", ['{"tenant":"other","run":"R-1"}', '{"run":"R-1"}', "R-1", "[]"])
def test_what_points_to_no_run_of_the_tenant_offers_nothing_and_ends_as_a_dead_letter(
    account: Account, line: Line, body: str
) -> None:
    """Even if it stood in the wrong queue, another tenant's run is neither given nor taken away."""
    other = account.line("other")

    async def story() -> None:
        await other.fleet.start(order())
        account.clients.sqs.send_message(QueueUrl=line.messages.queue, MessageBody=body)
        for _ in range(int(MOST_RECEIVES) + 1):
            assert await line.claim(ANNA) is None
            line.passes(36)
        assert (line.told, account.count(account.dead)) == (0, 1)
        assert (await other.claim(ANNA)) is not None

    asyncio.run(story())


@pytest.mark.parametrize("gone", ["stopped", "forgotten"])
def test_a_message_of_a_run_that_is_over_is_swept_by_the_next_claim(line: Line, gone: str) -> None:
    async def story() -> None:
        await line.fleet.start(order())
        await line.fleet.stop("R-1")
        if gone == "forgotten":
            await line.fleet.forget("ACME-1")
        assert (await line.claim(ANNA), line.told) == (None, 0)

    asyncio.run(story())


def test_while_the_queue_is_away_nothing_is_lost(account: Account, line: Line) -> None:
    """A start is tried again, and so is a claim; the run stands in the table."""
    nowhere = Deployment("test", "factory-test", runs="https://sqs.us-east-1.amazonaws.com/123456789012/gone-")
    away = RunMessages(account.clients, nowhere, "acme")

    async def story() -> None:
        with pytest.raises(Retryable):
            await WorkerQueueFleet(line.leases, away.tell).start(order())
        with pytest.raises(Retryable):
            await RunClaims(away, line.leases)(ANNA)
        await line.check_in()
        assert (await line.claim(ANNA)) is not None

    asyncio.run(story())
