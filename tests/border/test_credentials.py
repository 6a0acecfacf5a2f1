"""A vendor refuses the factory's credential: everything waits, nobody is troubled, and all goes on when one is good."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import Any

import pytest

from adapters.web.status_page import page
from factory_core.dispatch.effects import (
    COMPANION,
    AskQuestion,
    Effect,
    LinkPullRequest,
    OpenPullRequest,
    Planned,
    StartAgent,
)
from factory_core.dispatch.records import InFlightRecord, State
from factory_core.errors import BadSignature, ConnectionLost, Retryable
from factory_core.http import HttpRequest
from factory_core.overview import health, item_overview, overview
from factory_core.performing.reconcile import Sources
from factory_core.performing.retries import after_problem
from factory_core.ports import Inbound, Pointer
from factory_core.runs.run import RunStatus
from factory_core.status import words
from factory_core.work_item import ItemState
from tests.core.world import CLEAR, START, config_of, run, ticket

from .revoked_world import WHY, Move, RevokedWorld, agent_ends, answers, app_reviews, checks, edits, live, queue_merges

pytestmark = pytest.mark.pure
VAGUE = ticket(title="Cart is off", description="Please look.")
BEHIND = "Head branch is out of date. Review and try the merge again."
QUEUE, APP = "Changes must be made through the merge queue", "reviewer"
HOURS, DAYS = timedelta(hours=8), timedelta(days=3)

ASKED: Sequence[Move] = (answers(CLEAR), agent_ends(), checks())
REMINDED: Sequence[Move] = (answers(CLEAR, after=2), agent_ends(), checks())
MERGED: Sequence[Move] = (agent_ends(), checks())
MENDED: Sequence[Move] = (edits(labels=("urgent",)), agent_ends(), checks(red=True), agent_ends(), checks())

LIVES: dict[str, tuple[Any, Sequence[Move], dict[str, Any]]] = {
    "a vague ticket is asked about": (VAGUE, ASKED, {}),
    "nobody answers at first": (VAGUE, REMINDED, {}),
    "its checks are red at first": (ticket(), MENDED, {}),
    "the code host merges by itself": (ticket(), MENDED, {"merge": {"policy": "on-green", "auto": True}}),
    "its branch is behind": (ticket(), MERGED, {"says": [BEHIND]}),
    "the code host has a merge queue": (ticket(), (*MERGED, queue_merges()), {"says": [QUEUE]}),
    "an app is asked for its review": (
        ticket(),
        (*MERGED, app_reviews(APP)),
        {"merge": {"policy": "on-green", "waitForReviewBy": [APP]}},
    ),
}
LOST_OVER = {
    "a vague ticket is asked about": (
        "acknowledge_session", "triage_item", "ask_question", "start_agent", "set_item_state", "open_pull_request",
        "link_pull_request", "read_pull_request", "merge_pull_request", "post_comment", "claim_item", "post_activity",
        "update_session", "conclude_session",
    ),
    "nobody answers at first": ("ask_question", "post_reply"),
    "its checks are red at first": ("read_item", "start_agent", "open_pull_request", "read_pull_request"),
    "the code host merges by itself": ("enable_auto_merge", "disable_auto_merge"),
    "its branch is behind": ("update_branch",),
    "the code host has a merge queue": ("enqueue_pull_request",),
    "an app is asked for its review": ("request_review",),
}  # fmt: skip
NO_VENDOR = {*COMPANION, "ask_model", "look_at_run", "stop_agent", "forget_item"}
FOR_DAYS = (("nobody answers at first", "ask_question"), ("its checks are red at first", "start_agent"))
CASES = [
    pytest.param(life, kind, away, id=f"{life}-{kind}-{name}", marks=() if here else pytest.mark.soak)
    for life, kinds in LOST_OVER.items()
    for kind in kinds
    for away, name, here in ((HOURS, "8 hours", True), (DAYS, "3 days", (life, kind) in FOR_DAYS))
]
"""Over each effect for hours, over an effect on people and one on an agent for days; `make soak` plays all for days."""


def lived(life: str, away: timedelta, loses_at: str = "") -> tuple[RevokedWorld, dict[str, Any]]:
    item, moves, changes = LIVES[life]

    async def main() -> tuple[RevokedWorld, dict[str, Any]]:
        world = RevokedWorld(loses_at, **changes)
        await live(world, moves, away, item)
        return world, await world.end()

    result: tuple[RevokedWorld, dict[str, Any]] = run(main())
    return result


def test_every_effect_that_a_vendor_sees_is_in_one_of_these_lives() -> None:
    """So that none is added without its credential having been lost over it."""
    kinds = {kind.model_fields["kind"].default for kind in Effect.__args__[0].__args__}  # type: ignore[attr-defined]
    seen = {kind for kinds in LOST_OVER.values() for kind in kinds}
    assert kinds - NO_VENDOR == seen


@cache
def undisturbed(life: str) -> dict[str, Any]:
    return lived(life, timedelta(0))[1]


@pytest.mark.parametrize(("life", "kind", "away"), CASES)
def test_a_credential_that_is_lost_over_an_effect_changes_nothing_but_the_time(
    life: str, kind: str, away: timedelta
) -> None:
    """Healed, the ticket ends as it would have: the same moves, words, pull requests and attempts, and no block."""
    world, ended = lived(life, away, kind)
    assert world.vendors.refusals, f"{kind} asks no vendor"
    assert ended == undisturbed(life)
    assert ended["records"][0][1] is State.DONE


@pytest.mark.parametrize("away", [HOURS, DAYS], ids=["8 hours", "3 days"])
def test_nothing_is_spent_while_a_credential_is_lost(away: timedelta) -> None:
    """No attempt, no fault, no time limit; each effect is tried within a minute, and nothing is said on the ticket."""

    async def main() -> None:
        world = RevokedWorld(capacity={"agents": 4, "perRepository": 4})
        await world.add(ticket("ACME-1"))  # at work when it ends
        world.vendors.lost |= {"linear", "slack", "github"}
        for key in ("ACME-2", "ACME-3"):  # ready after that
            await world.add(ticket(key, description="Please look.", title="Cart is off"))
        await world.agent_ends()
        before = len(world.tracker.comments)
        for _ in range(int(away / timedelta(hours=1))):
            await world.later(timedelta(hours=1))
            for record in await world.records():
                assert record.block is None
                for planned in record.outbox:
                    assert (planned.attempts, planned.faults, planned.failing_since) == (0, 0, None)
                    assert planned.not_before is None or planned.not_before - world.now <= timedelta(minutes=1)
        assert await world.waiting() == ["open_pull_request", "triage_item", "triage_item"]
        assert len(world.tracker.comments) == before
        world.vendors.lost.clear()
        await world.later(timedelta(minutes=1))
        assert await world.waiting() == []
        assert [one.state for one in await world.records()] == [State.IN_REVIEW, State.WAITING, State.WAITING]
        assert [*world.said("ACME-2"), *world.said("ACME-3")] == []

    run(main())


def test_two_vendors_that_are_lost_heal_each_for_itself() -> None:
    """What needs the one goes on, what needs the other still waits; and the page says so of each."""

    async def main() -> None:
        world = RevokedWorld(capacity={"agents": 4, "perRepository": 4})
        await world.add(ticket("ACME-1"))
        await world.agent_ends()
        world.vendors.lost |= {"linear", "github"}
        world.target.green(1)
        await world.hear(world.pull())
        await world.add(ticket("ACME-2"))
        assert await world.waiting() == ["read_pull_request", "triage_item"]
        world.vendors.lost.discard("linear")
        for _ in range(3):
            await world.later(timedelta(minutes=1))
        assert await world.state("ACME-2") is State.RUNNING
        assert await world.waiting() == ["read_pull_request"]
        shown = await overview(world.factory.observed, world.fleet, "1")
        assert [line.name for line in shown.lines if line.status == "needs-auth"] == ["github"]
        world.vendors.lost.clear()
        await world.later(timedelta(minutes=1))
        assert await world.state("ACME-1") is State.DONE

    run(main())


def test_a_credential_that_is_lost_again_right_after_it_was_good_waits_again(caplog: pytest.LogCaptureFixture) -> None:
    """Good for two calls in ten minutes: the ticket gets on by an effect each time, and none is an attempt."""

    async def main() -> None:
        world = RevokedWorld()
        world.vendors.lost.add("linear")
        await world.add(ticket())
        for _ in range(12):
            await world.later(timedelta(minutes=10))
            world.vendors.lets_through = 2
            if world.fleet.live:
                await world.agent_ends()
        record = await world.record()
        assert (record.state, record.attempt, record.outbox) == (State.IN_REVIEW, 1, ())
        assert world.tracker.items["ACME-1"].state is ItemState.IN_REVIEW

    run(main())
    actions = [getattr(one, "action", "") for one in caplog.records]
    assert abs(actions.count("connection_lost") - actions.count("connection_back")) <= 1


def test_the_log_says_it_once(caplog: pytest.LogCaptureFixture) -> None:
    """One line when it is lost and one when it is back: not one a ticket, not one a try, in 2 hours of many tickets."""
    caplog.set_level(logging.INFO)

    async def main() -> None:
        world = RevokedWorld(capacity={"agents": 40, "perRepository": 40})
        world.vendors.lost.add("linear")
        for number in range(10):
            await world.add(ticket(f"ACME-{number}"))
        caplog.clear()  # but the first one
        for _ in range(2 * 60):
            await world.later(timedelta(minutes=1))
        assert [record.message for record in caplog.records] == []
        world.vendors.lost.clear()
        for _ in range(3):
            await world.later(timedelta(minutes=1))

    run(main())
    actions = [getattr(record, "action", "") for record in caplog.records]
    assert actions.count("connection_back") == 1
    (back,) = [record for record in caplog.records if getattr(record, "action", "") == "connection_back"]
    assert back.message == "linear: authorised again; it was not since 2026-11-21 03:00:00 UTC"


def test_the_log_names_the_vendor_why_and_what_to_type(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        world = RevokedWorld()
        world.vendors.lost.add("linear")
        for key in ("ACME-1", "ACME-2", "ACME-3"):
            await world.add(ticket(key))

    run(main())
    (lost,) = [record for record in caplog.records if getattr(record, "action", "") == "connection_lost"]
    assert (lost.levelname, lost.message) == (
        "ERROR",
        f"linear: not authorised: {WHY}. What needs it waits, and goes on by itself. Fix: factory connect linear",
    )


def test_every_process_shows_it_from_the_store_alone() -> None:
    """Page, status.json, `factory status`, healthz and the ticket: which connection, since when, and what to type."""

    async def main() -> None:
        world = RevokedWorld()
        world.vendors.lost.add("linear")
        await world.add(ticket())
        for _ in range(30):
            await world.later(timedelta(minutes=1))
        other = world.process("another")  # it has performed nothing
        shown = await overview(other.observed, world.fleet, "1")
        (line,) = [line for line in shown.lines if line.name == "linear"]
        assert (line.status, line.since, line.fix_in_words) == ("needs-auth", START, "factory connect linear")
        assert (shown.verdict.level, shown.verdict.sentence) == ("needs-auth", "Linear needs a new credential.")
        assert shown.verdict.fix == ("factory", "connect", "linear")
        assert f"not authorised since 03:00: {WHY}" in shown.verdict.detail
        text = words(shown)
        assert text.startswith("Linear needs a new credential.\n") and "factory connect linear" in text
        assert "Linear needs a new credential." in page(shown).html
        found = await health(other.observed)
        assert (found.ok, found.problems) == (True, ())  # webhooks are stored
        assert found.oldest_waiting_effect_s == 1800
        assert found.degraded == (
            f"linear is not authorised since 2026-11-21 03:00:00 UTC ({WHY}): factory connect linear",
        )
        item = await item_overview(other.observed, world.fleet, "ACME-1", "1")
        assert item and "Triage item waits for a new credential of Linear since 03:00." in item.next
        world.vendors.lost.clear()
        await world.later(timedelta(minutes=1))
        shown = await overview(other.observed, world.fleet, "1")
        assert not [line for line in shown.lines if line.status == "needs-auth"]
        assert (await health(other.observed)).degraded == ()

    run(main())


def test_an_order_that_waits_is_shown_though_nobody_noted_the_loss() -> None:
    """The process that noticed died between the two writes: the record alone tells."""

    async def main() -> None:
        world = RevokedWorld()
        world.vendors.lost.add("slack")
        await world.add(VAGUE)
        batch = await world.store.get_batch()
        await world.store.put_batch(batch.model_copy(update={"lost": {}}))
        shown = await overview(world.process("another").observed, world.fleet, "1")
        assert [line.name for line in shown.lines if line.status == "needs-auth"] == ["slack"]

    run(main())


class Hook:
    """A webhook of a vendor, whatever its body."""

    def __init__(self, *events: Any, lost: str = "", pointers: tuple[Pointer, ...] = ()) -> None:
        self.inbound = Inbound(delivery_id="d-1", events=events, lost=lost, pointers=pointers)

    def events_in(self, request: HttpRequest) -> Inbound:
        if request.headers.get("signature") == "wrong":
            raise BadSignature("no", why="no", fix="factory doctor linear")
        return self.inbound


def test_webhooks_are_stored_while_a_credential_is_lost() -> None:
    """The sender hears 200, the words are in the record, and a wrong signature is still a wrong signature."""

    async def main() -> None:
        world = RevokedWorld()
        world.vendors.lost.add("linear")
        world.factory.intake._webhooks = {"linear": Hook(world.changed(ticket()))}
        answer = await world.factory.intake.handle_webhook("linear", HttpRequest(received_at=world.now))
        await world.settle()
        assert (answer.status, await world.state()) == (200, State.TRIAGING)
        forged = HttpRequest(received_at=world.now, headers={"signature": "wrong"})
        assert (await world.factory.intake.handle_webhook("linear", forged)).status == 401
        shown = await overview(world.factory.observed, world.fleet, "1")
        assert [line.status for line in shown.lines if line.name == "linear"] == ["needs-auth"]

    run(main())


def test_a_pointer_that_cannot_be_read_is_the_senders_to_send_again() -> None:
    """Nothing of it could be stored: 503, and that is no refused webhook of the relay's."""

    class Reader:
        async def read(self, pointer: Pointer) -> tuple[Any, ...]:
            raise ConnectionLost("relayfile", "it does not know the token")

    async def main() -> None:
        world = RevokedWorld()
        world.factory.intake._reader = Reader()
        pointer = Pointer(path="/slack/1", event_id="e", at=world.now)
        world.factory.intake._webhooks = {"relayfile": Hook(pointers=(pointer,))}
        answer = await world.factory.intake.handle_webhook("relayfile", HttpRequest(received_at=world.now))
        assert (answer.status, "relayfile" in (await world.store.get_batch()).lost) == (503, True)
        assert "relayfile" not in world.factory.intake.contacts

    run(main())


def test_what_a_vendor_says_of_its_own_revocation_is_a_hint(caplog: pytest.LogCaptureFixture) -> None:
    """It is shown at once, spends nothing, stops nothing, and is forgotten when nobody else finds it so."""

    async def main() -> None:
        world = RevokedWorld()
        world.factory.intake._webhooks = {"slack": Hook(lost="Slack says that the app was uninstalled")}
        answer = await world.factory.intake.handle_webhook("slack", HttpRequest(received_at=world.now))
        assert answer.status == 200
        assert "Slack says that the app was uninstalled" in (await health(world.factory.observed)).degraded[0]
        await world.add(VAGUE)  # the token is good all the same
        assert await world.state() is State.WAITING
        await world.later(timedelta(minutes=30))
        assert (await health(world.factory.observed)).degraded == ()

    run(main())
    assert [getattr(one, "action", "") for one in caplog.records].count("connection_lost") == 1


class SweptWorld(RevokedWorld):
    def sources(self) -> Sources:
        return Sources(self.tracker, self.channel, self.target)


def test_the_search_passes_over_a_lost_vendor_quietly_and_finds_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    """Slack's answer is found while Linear is lost; the report holds no failure, and the page the connection."""
    caplog.set_level(logging.INFO)

    async def main() -> None:
        world = SweptWorld()
        await world.add(VAGUE)
        world.channel.people.append(world.reply("Show `amount`.", "C1:1.0"))
        world.vendors.lost.add("linear")
        caplog.clear()
        world.now += timedelta(minutes=11)
        report = await world.factory.performer.sweep()
        assert report and (report.failed, report.answered) == ({}, 1)
        shown = await overview(world.factory.observed, world.fleet, "1")
        assert {line.name: line.status for line in shown.lines if line.name in ("linear", "sweep")} == {
            "linear": "needs-auth", "sweep": "ok",
        }  # fmt: skip
        world.now += timedelta(minutes=11)
        await world.factory.performer.sweep()
        assert [one.levelname for one in caplog.records if one.levelno > logging.INFO] == ["ERROR"]
        world.vendors.lost.clear()
        world.now += timedelta(minutes=11)
        await world.factory.performer.sweep()
        assert (await health(world.factory.observed)).degraded == ()

    run(main())


def test_a_question_that_could_not_be_asked_has_all_its_time_once_it_is_asked() -> None:
    """Reminded 4 h after it stands, escalated after 24 h, given up after 7 d: the days before count for nothing."""

    async def main() -> None:
        world = RevokedWorld()
        world.vendors.lost.add("slack")
        await world.add(VAGUE)
        for _ in range(9 * 24):
            await world.later(timedelta(hours=1))
        assert (await world.state(), world.channel.threads) == (State.WAITING, {})
        world.vendors.lost.clear()
        await world.later(timedelta(minutes=1))
        (thread,) = world.channel.threads.values()
        said = []
        for _ in range(7 * 24):
            said.append(len(thread))
            await world.later(timedelta(hours=1))
        assert [said.count(n) for n in (1, 2, 3)] == [4, 20, 144]
        assert await world.state() is State.FAILED

    run(main())


def test_a_reminder_that_could_not_be_said_puts_off_what_follows_it() -> None:
    """It is said once when the channel is back, and the escalation comes as long after it as it always does."""

    async def main() -> None:
        world = RevokedWorld()
        await world.add(VAGUE)
        world.vendors.lost.add("slack")
        for _ in range(72):
            await world.later(timedelta(hours=1))
        world.vendors.lost.clear()
        await world.later(timedelta(minutes=1))
        (thread,) = world.channel.threads.values()
        assert len(thread) == 2
        for _ in range(19):
            await world.later(timedelta(hours=1))
        assert len(thread) == 2
        await world.later(timedelta(hours=2))
        assert len(thread) == 3

    run(main())


def test_a_review_is_not_given_up_for_the_days_in_which_nobody_could_see_it() -> None:
    """The pull request could not be opened for 20 days; people have their 14 days after that, and one reminder."""

    async def main() -> None:
        world = RevokedWorld(merge={"policy": "never"})
        await world.add(ticket())
        world.vendors.lost.add("github")
        await world.agent_ends()
        for _ in range(20 * 8):
            await world.later(timedelta(hours=3))
        record = await world.record()
        assert (record.state, world.said()) == (State.IN_REVIEW, [])
        world.vendors.lost.clear()
        for _ in range(13 * 8):
            await world.later(timedelta(hours=3))
        assert await world.state() is State.IN_REVIEW
        assert [body.startswith("The pull request has waited") for body in world.said()].count(True) == 1
        for _ in range(2 * 24):
            await world.later(timedelta(hours=1))
        assert await world.state() is State.BLOCKED

    run(main())


def test_a_blocked_ticket_is_said_before_it_is_reminded_of() -> None:
    """Nobody was told for 5 days that it is blocked: once told, the reminder comes 3 days later."""

    async def main() -> None:
        world = RevokedWorld()
        await world.add(ticket())
        world.vendors.lost.add("linear")
        await world.agent_ends(RunStatus.NO_CHANGE)
        for _ in range(5 * 24):
            await world.later(timedelta(hours=1))
        assert world.said() == []
        world.vendors.lost.clear()
        await world.later(timedelta(minutes=1))
        assert len(world.said()) == 1
        for _ in range(2 * 24):
            await world.later(timedelta(hours=1))
        assert len(world.said()) == 1
        for _ in range(2 * 24):
            await world.later(timedelta(hours=1))
        assert len(world.said()) == 2

    run(main())


def test_an_agent_at_work_is_looked_for_whatever_connection_is_lost() -> None:
    """Only limits for people wait: a run that got lost is noticed, and what a person took back is stopped."""

    async def main() -> None:
        world = RevokedWorld()
        await world.add(ticket())
        world.vendors.lost |= {"linear", "slack", "github"}
        await world.hear(world.changed(None, "ACME-1"))  # a hint that has to be read
        (run_id,) = world.fleet.live
        world.fleet.end(run_id, RunStatus.LOST)
        for _ in range(4):
            await world.later(timedelta(minutes=10))
        record = await world.record()
        assert (record.state, record.attempt, world.fleet.live) == (State.DISPATCHING, 2, [])
        world.tracker.items["ACME-1"] = ticket(state=ItemState.CANCELLED)
        world.vendors.lost.clear()
        await world.later(timedelta(minutes=1))
        assert (await world.state(), len(world.fleet.orders)) == (State.CANCELLED, 1)

    run(main())


def test_the_time_limit_of_an_outage_does_not_run_while_the_credential_is_lost() -> None:
    """23 hours of 503, days without a credential, 23 hours of 503: nobody gives up, for the vendor answered between."""
    config, away = config_of(), Retryable("Linear cannot be reached", why="it answered 503", fix="factory check")
    planned = Planned(key="k", effect=LinkPullRequest(url="https://x"))
    record, now = InFlightRecord(work_item_id="ACME-1", state=State.IN_REVIEW, outbox=(planned,)), START

    def fails(problem: Any) -> Planned:
        nonlocal record
        record = after_problem(record, record.outbox[0], problem, now, config)
        return record.outbox[0]

    fails(away)
    now += timedelta(hours=23)
    assert fails(away).attempts == 2
    waits = fails(ConnectionLost("linear", WHY))
    assert (waits.attempts, waits.failing_since, waits.lost, waits.lost_since) == (2, None, "linear", now)
    now += timedelta(days=3)
    assert fails(ConnectionLost("linear", WHY)).lost_since == waits.lost_since
    again = fails(away)
    assert (again.attempts, again.failing_since, again.lost, again.lost_since) == (3, now, "", None)
    now += timedelta(hours=23)
    assert fails(away).attempts == 4


def test_what_waits_for_a_credential_is_spread_and_never_waits_longer_than_a_minute() -> None:
    """A hundred tickets do not go on in the same second; each goes on within a minute."""
    config, since = config_of(), START
    problem = ConnectionLost("linear", WHY)
    for hours, earliest, latest in ((0, 2.5, 5.0), (1, 30.0, 60.0), (100, 30.0, 60.0)):
        now, pauses = since + timedelta(hours=hours), set[float]()
        for number in range(100):
            planned = Planned(key=f"ACME-{number}:1", effect=AskQuestion(text="?"), lost="linear", lost_since=since)
            record = InFlightRecord(work_item_id=f"ACME-{number}", outbox=(planned,))
            (waits,) = after_problem(record, planned, problem, now, config).outbox
            assert waits.not_before
            pauses.add((waits.not_before - now).total_seconds())
        assert len(pauses) > 90 and earliest <= min(pauses) and max(pauses) <= latest
        assert max(pauses) - min(pauses) > (latest - earliest) * 0.8


def test_a_run_that_could_not_get_its_work_tree_for_want_of_a_credential_is_no_attempt() -> None:
    """It is started again under the same number until the code host lets git in; its history says it once."""

    async def main() -> None:
        world = RevokedWorld()
        await world.add(ticket())
        for _ in range(5):
            await world.agent_ends(RunStatus.FAILED, why="git: Authentication failed", lost="github")
            await world.later(timedelta(minutes=1))
        record = await world.record()
        assert (record.state, record.attempt, len(world.fleet.live)) == (State.RUNNING, 1, 1)
        assert [entry.text for entry in record.log].count(
            "No work tree: github refuses the credential. Waits for it."
        ) == 1
        await world.agent_ends()
        assert await world.state() is State.IN_REVIEW

    run(main())


def test_a_run_that_waits_where_it_is_for_a_credential_is_not_taken_for_dead() -> None:
    """A worker holds it and says so: it has neither started late nor run for too long."""

    async def main() -> None:
        world = RevokedWorld()
        await world.add(ticket())
        (run_id,) = world.fleet.live
        waits = {"status": RunStatus.STARTING, "lost": "github"}
        world.fleet.reports[run_id] = world.fleet.reports[run_id].model_copy(update=waits)
        for _ in range(24):
            await world.later(timedelta(hours=1))
        record = await world.record()
        assert (record.state, record.attempt, world.fleet.stopped) == (State.RUNNING, 1, [])

    run(main())


def test_a_look_that_was_set_while_a_connection_was_lost_comes_when_it_is_due() -> None:
    """Only a limit for people has the lost time in addition: a review is looked at as often as ever."""
    link = LinkPullRequest(url="https://github.com/acme/shop/pull/1")
    lost_at, now, minutes = START + timedelta(hours=1), START + timedelta(hours=5), timedelta(minutes=1)
    waits = Planned(key="ACME-1:1", effect=OpenPullRequest(run_id="run-1"), lost="github", lost_since=lost_at)
    others = Planned(key="ACME-1:2", effect=link)
    record = InFlightRecord(work_item_id="ACME-1", state=State.IN_REVIEW, since=START, outbox=(waits, others))
    looked = record.to(State.IN_REVIEW, now, within=30 * minutes).record
    resumed = looked.resume([waits.key], now + minutes)
    assert (resumed.paused, resumed.deadline) == (timedelta(hours=4) + minutes, now + 30 * minutes)


def test_a_record_of_the_last_release_is_read_and_waits_for_nothing() -> None:
    """The new fields have defaults."""
    old = InFlightRecord(work_item_id="ACME-1", state=State.RUNNING, outbox=(Planned(key="k", effect=StartAgent()),))
    stored = old.model_dump_json(exclude={"paused": True, "outbox": {"__all__": {"lost", "lost_since"}}})
    assert InFlightRecord.model_validate_json(stored) == old
