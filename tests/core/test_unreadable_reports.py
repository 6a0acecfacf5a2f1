"""What a worker reports that cannot be: the run ends with the reason, a person sees it, and nobody else is stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.fleets.worker_queue.protocol import LARGEST, Report, Speaker, spelled
from adapters.stores.record_sql import decode, encode
from factory_core.dispatch.effects import PauseEngine
from factory_core.dispatch.records import State
from factory_core.overview import item_overview, overview
from factory_core.payload import parse_as, to_json
from factory_core.runs.queued_run import QueuedRun, Worker
from factory_core.runs.reported import MOST_USD, MOST_WORDS
from factory_core.runs.run import RunReport, RunStatus, Usage

from .test_worker_fleet import HEAD, Elsewhere, about
from .world import run, ticket

pytestmark = pytest.mark.pure

BELLA = {"id": "bella-001", "engines": ["console", "claude", "codex"], "slots": 2}
NAIVE, BEYOND, BEFORE = "2026-12-01T00:00:00", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"
REFUSED: list[dict[str, Any]] = [
    *({field: value} for field in ("retry_at", "progress_at", "alive_at") for value in (NAIVE, BEYOND, BEFORE, 1e300)),
    {"retry_at": "soon"}, {"retry_at": [2026, 12, 1]}, {"awake_for": "for ever"}, {"status": "splendid"},
    {"status": None}, {"fault": "yours"}, {"usage": {"usd": "NaN"}}, {"usage": {"turns": "many"}},
    {"usage": {"turns": 1.5}}, {"usage": []}, {"usage": {"usd": {}}}, {"checks": {"name": "unit"}},
    {"checks": [{"seconds": "Infinity", "name": "unit"}]}, {"checks": [7]}, {"words": 7}, {"session": ["--yolo"]},
    {"run_id": "x" * 600}, {"work_item_id": {}}, {"first_failed": "unit"},
]  # fmt: skip


@pytest.mark.parametrize("wrong", REFUSED, ids=lambda one: json.dumps(one)[:60])
def test_a_last_word_that_cannot_be_read_ends_its_run_alone(wrong: dict[str, Any]) -> None:
    """The worker is told which field is wrong, and then that the run is not its own; its item says so and goes on, and
    so do another worker and another ticket."""

    async def story() -> None:
        world = Elsewhere()
        await world.add(ticket())
        claim = await world.claimed()
        await world.beats(claim)
        path = f"runs/{claim['order']['run_id']}/report"
        said = about(claim, "failed", head="")
        said["report"] |= wrong
        field = next(iter(wrong))
        answer = await world.asks(path, **said)
        assert answer.status == 400 and f"report.{field}" in json.loads(answer.body)["why"]
        assert (await world.asks(path, **said)).status == 409
        await world.add(ticket("ACME-2", project="API"))
        other = (await world.says("claim", worker=BELLA))["run"]
        assert other["order"]["work_item_id"] == "ACME-2"
        record = await world.record()
        assert record.state is State.DISPATCHING and record.interruptions == 1
        assert any(f"cannot be read: report.{field}" in line.text for line in record.log)
        assert await overview(world.factory.observed, world.line, "1")
        assert await item_overview(world.factory.observed, world.line, "ACME-1", "1")

    run(story())


def test_a_heartbeat_that_cannot_be_read_keeps_no_lease_and_its_reason_is_shown() -> None:
    async def story() -> None:
        world = Elsewhere()
        await world.add(ticket())
        claim = await world.claimed()
        await world.beats(claim)
        path, wrong = f"runs/{claim['order']['run_id']}/heartbeat", about(claim, "running", tail=["x" * 301])
        for _ in range(3):
            world.now += world.config.workers.lease / 2
            assert (await world.asks(path, **wrong)).status in (400, 409)
        await world.leases.settle_due()
        await world.settle()
        record = await world.record()
        assert record.interruptions == 1 and "its last heartbeat could not be read: tail.0" in record.log[-1].text

    run(story())


def test_a_heartbeat_that_is_read_again_leaves_no_reason_behind() -> None:
    async def story() -> None:
        world = Elsewhere()
        await world.add(ticket())
        claim = await world.claimed()
        path = f"runs/{claim['order']['run_id']}/heartbeat"
        assert (await world.asks(path, **about(claim, "splendid"))).status == 400
        await world.beats(claim)
        stored = await world.queue.get_run(claim["order"]["run_id"])
        assert stored is not None and stored.unread == ""
        assert (await world.ends(claim)).status == 200
        assert await world.state() is State.IN_REVIEW

    run(story())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body[: len(body) // 2],
        lambda body: b'{"schema":"factory.worker/1","report":' + b"[" * 100_000,
        lambda body: body.replace(b'"epoch": 1', b'"epoch": ' + b"9" * 4_290),
        lambda body: body.replace(b'"epoch": 1', b'"epoch": true'),
        lambda body: body.replace(b"anna-0001", b"bella-001"),
        lambda body: body.replace(b"anna-0001", b"anna/0001"),
        lambda body: b"\x1f\x8b" + body,
    ],
)
def test_who_does_not_hold_the_run_cannot_end_it_by_a_report_that_cannot_be_read(
    spoil: Callable[[bytes], bytes],
) -> None:
    """Where it cannot be read who speaks, or under which epoch, nothing is taken from anybody."""

    async def story() -> None:
        world = Elsewhere()
        await world.add(ticket())
        claim = await world.claimed()
        await world.beats(claim)
        worker = {"id": "anna-0001", "engines": ["console"], "slots": 1}
        said = {"schema": "factory.worker/1", "worker": worker, **about(claim, "splendid")}
        answer = await world.asks(f"runs/{claim['order']['run_id']}/report", raw=spoil(json.dumps(said).encode()))
        assert answer.status in (400, 409)
        assert (await world.ends(claim)).status == 200
        assert await world.state() is State.IN_REVIEW

    run(story())


@pytest.mark.parametrize("fault", [TypeError, RecursionError, ArithmeticError, KeyError, OSError])
def test_a_fault_over_one_end_stops_neither_the_clock_nor_the_claims(fault: type[Exception]) -> None:
    """However many runs nobody can tell of stand first in line; each is tried again, ever less often."""

    async def story() -> None:
        world = Elsewhere()
        told, tried = world.leases.finished, list[str]()

        async def finished(report: RunReport) -> None:
            if report.work_item_id == "ACME-1":
                tried.append(report.run_id)
                raise fault("a value that no step expects")
            await told(report)

        world.leases.finished = finished
        await world.add(ticket())
        claim = await world.claimed()
        await world.beats(claim)
        assert (await world.ends(claim)).status == 200
        await world.add(ticket("ACME-2", project="API"))
        for _ in range(600):
            world.now += timedelta(seconds=1)
            await world.leases.settle_due()
        assert 3 < len(tried) < 15
        assert (await world.claimed())["order"]["work_item_id"] == "ACME-2"

    run(story())


def test_runs_that_cannot_be_read_keep_no_other_from_its_turn() -> None:
    """A hundred of them stand first in line, and more than are looked at in one turn."""

    async def story() -> None:
        world = Elsewhere()
        await world.add(ticket())
        (stored,) = world.queue._runs.values()
        await world.claimed()
        for number in range(150):
            run_id = f"damaged-{number:03}"
            world.queue._runs[run_id] = stored.replace('"waiting"', '"astray"') if number % 2 else stored[:200]
            world.queue._due[run_id] = world.now - timedelta(days=1)
        await world.add(ticket("ACME-2", project="API"))
        offered = [(await world.says("claim", worker=BELLA)).get("run") for _ in range(3)]
        assert [one["order"]["work_item_id"] for one in offered if one] == ["ACME-2"]
        run_id = (await world.record()).run.run_id
        for damaged in ("{", json.dumps({**json.loads(stored), "until": NAIVE})):
            world.queue._runs[run_id] = damaged
            shown = await overview(world.factory.observed, world.line, "1")
            assert {item.key for item in shown.items} == {"ACME-1", "ACME-2"}
            assert await item_overview(world.factory.observed, world.line, "ACME-1", "1")

    run(story())


def test_numbers_are_within_bounds_that_can_be_added_up_and_shown() -> None:
    """Whoever measured them: absurd ones cost no run its work."""
    absurd = {
        "turns": int("9" * 4_290), "input_tokens": -5, "usd": "1E+80000000", "cached_tokens": "-0",
        "output_tokens": 7.0,
    }  # fmt: skip
    usage = parse_as(Usage, json.dumps(absurd))
    assert usage.plus(usage).turns > 0 == usage.input_tokens and usage.output_tokens == 7
    assert usage.usd == MOST_USD == usage.plus(usage).usd
    for given, shown in {"-0": "$0.00", "-100": "$0.00", "1E-80000000": "$0.00", "0." + "1" * 9_000: "$0.11"}.items():
        read = parse_as(Usage, json.dumps({"usd": given}))
        assert read.cost == shown and len(str(read.usd)) < 40
    assert str(parse_as(Usage, '{"usd": "0.310"}').usd) == "0.310"


def test_texts_are_cut_and_times_are_in_utc() -> None:
    said = {
        "run_id": "R", "work_item_id": "A", "status": "asked", "words": "w" * 250_000, "why": "y" * 9_999,
        "first_failed": ["x" * 999] * 99, "progress": "p" * 9_999, "retry_at": "2026-12-01T02:00:00+02:00",
        "session": "--dangerously-bypass-approvals-and-sandbox", "awake_for": "P999999D",
    }  # fmt: skip
    report = parse_as(RunReport, json.dumps(said))
    assert (len(report.words), report.session, len(report.first_failed)) == (MOST_WORDS, "", 20)
    assert report.retry_at == datetime(2026, 12, 1, tzinfo=UTC) and report.retry_at.utcoffset() == timedelta(0)
    assert parse_as(RunReport, to_json(report)) == report


@pytest.mark.parametrize(
    ("said", "kept"),
    [("rm -rf /; factory x", ""), ("factory doctor", "factory doctor"), ("In AWS:\n  wait", "In AWS: wait")],
)
def test_what_helps_is_a_command_of_the_factory_or_names_its_place(said: str, kept: str) -> None:
    """People are shown it, and follow it."""
    report = RunReport(run_id="R", work_item_id="A", status=RunStatus.LIMITED, fix=said)
    assert report.fix == kept


@pytest.mark.parametrize("character", ["\0", "😀", '"'])
def test_a_report_of_the_longest_texts_can_be_sent(character: str) -> None:
    """An agent that fills all of them does not keep its run's end from being told."""
    text = character * 30_000
    check = {"name": text, "command": text, "end": text, "output": text}
    report = RunReport.model_validate({
        "run_id": "R", "work_item_id": "A", "status": "failed", "words": text, "why": text, "fix": text,
        "progress": text, "checks": [check] * 99, "first_failed": [text] * 99,
    })  # fmt: skip
    sent = spelled(Report(worker=Speaker.model_validate(BELLA), epoch=1, report=report))
    assert len(sent) <= LARGEST and parse_as(Report, sent).report == report


@pytest.mark.parametrize("host", ["anna-0001", ""], ids=["one that stays", "one that does not say so"])
def test_a_worker_that_waits_for_ever_stops_no_worker_that_comes_later(host: str) -> None:
    """It was the only one when it said that its limit resets in a century."""

    async def story() -> None:
        world = Elsewhere()
        await world.add(ticket())
        claim = await world.claimed()
        await world.beats(claim)
        limited = about(claim, "limited")
        limited["report"] |= {"retry_at": "2126-12-01T00:00:00Z", "why": "usage limit", "host": host}
        await world.says(f"runs/{claim['order']['run_id']}/report", **limited)
        await world.add(ticket("ACME-2", project="API"))
        assert await world.state("ACME-2") is State.QUEUED
        assert "run" not in await world.says("claim", worker=BELLA)
        for _ in range(61):
            await world.later(timedelta(minutes=1))
            await world.leases.heard(Worker(id=BELLA["id"], engines=BELLA["engines"]))
        assert (await world.says("claim", worker=BELLA))["run"]["order"]["work_item_id"] in ("ACME-1", "ACME-2")

    run(story())


@pytest.mark.parametrize("head", ["HEAD", "a" * 41, "A" * 40, "../../x", "-x", "a" * 39 + "\n"])
def test_a_head_is_a_sha(head: str) -> None:
    report = {"run_id": "R", "work_item_id": "A", "status": "succeeded"}
    with pytest.raises(ValidationError):
        Report.model_validate(
            {"schema": "factory.worker/1", "worker": BELLA, "epoch": 1, "report": report, "head": head}
        )
    with pytest.raises(ValidationError):
        QueuedRun(run_id="R", queued_at=datetime.now(UTC), head=head)


def test_what_an_older_release_stored_is_read_without_what_is_refused_now() -> None:
    """A report with a time that has no zone, and a pause until such a time: nothing stands still over them."""
    now = datetime(2026, 12, 1, tzinfo=UTC)
    report = RunReport(run_id="R", work_item_id="A", status=RunStatus.LIMITED, why="limit", retry_at=now, host="anna")
    stored = encode(QueuedRun(run_id="R", queued_at=now, report=report, head=HEAD))
    assert decode(QueuedRun, stored).report == report
    for old in (NAIVE, BEYOND, "soon"):
        read = decode(QueuedRun, stored.replace('"retry_at":"2026-12-01T00:00:00Z"', f'"retry_at":"{old}"'))
        assert read.report == report.model_copy(update={"retry_at": None})
    pause = PauseEngine(engine="claude", why="limit", retry_at=now)
    known = to_json(pause)
    assert parse_as(PauseEngine, known) == pause
    assert parse_as(PauseEngine, known.replace("00:00:00Z", "00:00:00")).retry_at is None


def test_a_time_from_anywhere_can_be_reckoned_with() -> None:
    """Whatever zone it was said in."""
    for offset in (-23, 0, 23):
        said = datetime(2026, 12, 1, tzinfo=timezone(timedelta(hours=offset)))
        report = RunReport(run_id="R", work_item_id="A", status=RunStatus.LIMITED, retry_at=said)
        assert report.retry_at == said and report.usage.usd == Decimal(0)


def test_a_stored_item_that_cannot_be_reckoned_with_hides_no_other() -> None:
    """A time without a zone is damage of that one record; a sum without an end is brought within bounds."""

    async def story() -> None:
        world = Elsewhere()
        await world.add(ticket())
        await world.add(ticket("ACME-2", project="API"))
        name = (await world.record()).work_item_id
        entry = world.store._in_flight[name]
        for changes in ({"since": NAIVE}, {"spending": {"limit": "1e40", "estimated": "1e40"}}):
            world.store._in_flight[name] = entry._replace(body=json.dumps(json.loads(entry.body) | changes))
            assert "ACME-2" in {item.key for item in (await overview(world.factory.observed, world.line, "1")).items}

    run(story())
