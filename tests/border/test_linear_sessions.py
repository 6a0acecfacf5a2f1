"""Agent sessions as Linear means them: people who use one are answered, and it shows where the item stands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from factory_core.dispatch import session as sessions
from factory_core.dispatch.activity import Activity, Link, PlanStep
from factory_core.dispatch.effects import AcknowledgeSession, PostActivity
from factory_core.dispatch.records import InFlightRecord, State
from factory_core.errors import Retryable, Terminal
from factory_core.runs.run import RunStatus
from factory_core.work_item import ItemState
from tests.core.world import CLEAR, START, config_of, run, ticket

from .session_world import SessionWorld

pytestmark = pytest.mark.pure
VAGUE = {"title": "Cart is off", "description": "Please look."}
DOWN = Retryable("Linear cannot be reached", why="it answered 500", fix="factory check")


async def begun(**changes: object) -> SessionWorld:
    """A ready ticket on which a person opens a session."""
    world = SessionWorld()
    world.tracker.items["ACME-1"] = ticket(**{"updated_at": START, **changes})
    await world.open()
    return world


async def in_review() -> SessionWorld:
    world = await begun()
    await world.agent_ends(words="Renamed it; the tests pass.")
    return world


async def waiting() -> SessionWorld:
    return await begun(**VAGUE)


async def queued() -> SessionWorld:
    world = SessionWorld()
    await world.add(ticket("ACME-2"))
    world.tracker.items["ACME-1"] = ticket()
    await world.open()
    return world


async def done() -> SessionWorld:
    world = await in_review()
    world.target.green(1)
    await world.hear(world.pull())
    return world


async def blocked() -> SessionWorld:
    world = await begun()
    await world.agent_ends(RunStatus.CAPPED, why="10 dollars are spent")
    return world


async def cancelled() -> SessionWorld:
    world = await begun()
    world.tracker.items["ACME-1"] = ticket(state=ItemState.CANCELLED)
    await world.hear(world.changed(world.tracker.items["ACME-1"]))
    return world


async def given_up() -> SessionWorld:
    world = await waiting()
    for _ in range(8):
        await world.later(timedelta(days=1))
    return world


async def merging() -> SessionWorld:
    """The merge is decided, and the code host does not answer."""
    world = await in_review()
    world.target.faults["merge"] = [Retryable("GitHub cannot be reached", why="500", fix="factory check")] * 99
    world.target.green(1)
    await world.hear(world.pull())
    return world


STAGES: dict[str, tuple[Callable[[], Awaitable[SessionWorld]], State, str]] = {
    "waiting": (waiting, State.WAITING, "awaitingInput"),
    "queued": (queued, State.QUEUED, "active"),
    "running": (begun, State.RUNNING, "active"),
    "in review": (in_review, State.IN_REVIEW, "active"),
    "merging": (merging, State.MERGING, "active"),
    "done": (done, State.DONE, "complete"),
    "blocked": (blocked, State.BLOCKED, "error"),
    "cancelled": (cancelled, State.CANCELLED, "complete"),
    "given up": (given_up, State.FAILED, "error"),
}
everywhere = pytest.mark.parametrize("stage", STAGES)


@everywhere
def test_a_session_shows_where_its_item_stands(stage: str) -> None:
    """Never waiting for a person when it is over, never at work when it waits for one."""

    async def story() -> None:
        reach, state, status = STAGES[stage]
        world = await reach()
        assert (await world.state(), world.status()) == (state, status)

    run(story())


@everywhere
def test_who_opens_a_session_is_answered_at_once_whatever_the_item_is_doing(stage: str) -> None:
    """One entry, in the new session, of the kind that says where the item stands; the old one is not left waiting."""

    async def story() -> None:
        reach, state, status = STAGES[stage]
        world = await reach()
        await world.open("s2")
        assert (await world.state(), world.status("s2"), len(world.kinds("s2"))) == (state, status, 1)
        assert (await world.record()).session_id == "s2"
        assert world.status("s1") in {"complete", "error"}

    run(story())


@everywhere
def test_stop_is_confirmed_once_in_the_session_in_which_it_was_pressed(stage: str) -> None:
    """Also where nothing is left to stop. The agent is stopped before that is said, and nothing more is done."""

    async def story() -> None:
        reach, state, _ = STAGES[stage]
        world = await reach()
        before = len(world.kinds())
        await world.stop()
        over = state if state in {State.DONE, State.CANCELLED, State.FAILED} else State.CANCELLED
        assert (await world.state(), world.runs()) == (over, [])
        (_, confirmed), *more = world.tracker.entries["s1"][before:]
        assert (confirmed.kind, more) == ("result", [])
        runs, moves = dict(world.fleet.orders), list(world.tracker.moves)
        await world.later(timedelta(days=1))
        assert (world.fleet.orders, world.tracker.moves, len(world.kinds())) == (runs, moves, before + 1)

    run(story())


@everywhere
def test_stop_in_an_older_session_is_confirmed_there_and_ends_the_newer_one(stage: str) -> None:
    async def story() -> None:
        reach, _, _ = STAGES[stage]
        world = await reach()
        await world.open("s2")
        before = len(world.kinds("s1"))
        await world.stop("s1")
        assert world.runs() == [] and await world.state() in {State.CANCELLED, State.DONE, State.FAILED}
        assert world.kinds("s1")[before:] == ["result"]
        assert world.status("s2") in {"complete", "error"}

    run(story())


def test_nobody_reads_that_the_agent_was_stopped_before_it_is() -> None:
    """A fleet that does not answer: the confirmation waits for it."""

    async def story() -> None:
        world = await begun()
        world.fleet.faults["stop"] = [DOWN]
        await world.stop()
        assert world.status() == "active" and world.fleet.live
        await world.later(timedelta(minutes=1))
        assert world.status() == "complete" and not world.fleet.live

    run(story())


def test_a_stop_on_a_ticket_that_is_not_known_is_answered_and_forgotten() -> None:
    async def story() -> None:
        world = SessionWorld()
        await world.stop()
        assert world.kinds() == ["result"]
        await world.later(timedelta(days=7, seconds=1))
        assert await world.store.get_in_flight("ACME-1") is None

    run(story())


HEARD: dict[str, tuple[State, str]] = {
    "waiting": (State.DISPATCHING, "answers"),
    "queued": (State.QUEUED, "feedback"),
    "running": (State.RUNNING, "feedback"),
    "in review": (State.RUNNING, ""),
    "merging": (State.MERGING, "feedback"),
    "blocked": (State.BLOCKED, "feedback"),
    "given up": (State.RUNNING, "answers"),
}


@everywhere
def test_words_in_a_session_are_answered_whatever_the_item_is_doing(stage: str) -> None:
    """They count as an answer, or for the agent's next run; where they cannot, the person reads what will happen."""

    async def story() -> None:
        reach, state, status = STAGES[stage]
        world = await reach()
        before = len(world.kinds())
        await world.write("Show `amount` in `shop/cart.py`, in cents; a test must say that `total` is gone.")
        assert len(world.kinds()) > before
        record = await world.record()
        told = [*record.feedback, *(answer.text for answer in record.answers)]
        told += [order.task for order in world.fleet.orders.values()]
        assert any("in cents" in text for text in told) is (stage in HEARD)
        if stage not in HEARD:
            assert (record.state, world.status()) == (state, status)
        elif record.state is state:
            assert "Noted" in world.last().text and world.status() == status

    run(story())


def test_words_in_an_older_session_are_answered_there_and_count() -> None:
    """It is the newest session that goes on; the other is not left at work."""

    async def story() -> None:
        world = await begun()
        await world.open("s2")
        await world.write("In cents, please.", "s1")
        assert (await world.record()).feedback == ("In cents, please.",)
        assert "Noted" in world.last("s1").text and world.status("s1") == "complete"
        assert (await world.record()).session_id == "s2" and world.status("s2") == "active"

    run(story())


def test_words_that_do_not_count_are_answered_too() -> None:
    """Who may not answer reads so, and the question still stands."""

    async def story() -> None:
        world = SessionWorld(clarification={"whoMayAnswer": ["noor"]})
        world.tracker.items["ACME-1"] = ticket(**VAGUE)
        await world.open()
        await world.write("Rename everything!")
        assert (await world.record()).answers == ()
        assert world.status() == "awaitingInput" and "Not passed on" in world.last().text

    run(story())


def test_a_picture_without_words_is_asked_about_in_its_session() -> None:
    async def story() -> None:
        world = await waiting()
        before = len(world.kinds())
        await world.write(" ", attachments=("cart.png",))
        (_, asked), *more = world.tracker.entries["s1"][before:]
        assert (asked.kind, more) == ("question", []) and "cart.png" in asked.text

    run(story())


def test_words_on_a_ticket_that_is_not_known_are_looked_at() -> None:
    """It may be ready by now; if it is not, the person reads what to do."""

    async def story(state: ItemState) -> SessionWorld:
        world = SessionWorld()
        world.tracker.items["ACME-1"] = ticket(state=state, description="Please look.")
        await world.write("Rename `total` to `amount` in `shop/cart.py`. Done when a test says so.")
        return world

    async def main() -> None:
        assert (await story(ItemState.READY)).fleet.live
        world = await story(ItemState.OTHER)
        assert world.status() == "error" and "not ready" in world.last().text

    run(main())


def test_a_session_on_a_ticket_that_becomes_ready_later_is_the_one_that_is_used() -> None:
    """It was opened too early: days later the ticket is made ready, and the person sees it there."""

    async def story() -> None:
        world = await begun(state=ItemState.OTHER)
        assert world.status() == "error"
        await world.later(timedelta(days=2))
        world.tracker.items["ACME-1"] = ticket()
        await world.hear(world.changed(ticket()))
        assert (await world.state(), world.status(), world.tracker.sessions) == (State.RUNNING, "active", {"s1"})

    run(story())


def test_a_question_in_a_chat_stands_in_the_session_too_with_its_link() -> None:
    """Whoever opened the session may answer there."""

    async def story() -> None:
        world = await waiting()
        asked = world.last()
        assert asked.kind == "question" and "https://chat.example/C1:1.0" in asked.text
        await world.write(CLEAR)
        assert await world.state() is State.RUNNING and len(world.channel.threads) == 1

    run(story())


def test_each_stage_is_shown_with_its_plan_and_its_links() -> None:
    """The agent's own output never is."""

    async def story() -> None:
        world = await done()
        texts = [activity.sentence for _, activity in world.tracker.entries["s1"]]
        branch, url = "factory/ACME-1-rename-total-to-amount", "https://code.example/acme/shop/pull/1"
        assert texts[:4] == [
            "On it: reading the ticket.",
            f"Working on it: attempt 1 on {branch} in acme/shop.",
            f"Pushing: {branch}.",
            f"Opened a pull request: {url}.",
        ]
        assert texts[-1].startswith(f"Merged: {url}")
        assert world.tracker.plans["s1"] == tuple(PlanStep(text=text, status="completed") for text in sessions.STEPS)
        assert world.tracker.session_links["s1"] == (Link(label="Pull request #1", url=url),)

    run(story())


@pytest.mark.parametrize(
    ("state", "statuses"),
    [
        (State.TRIAGING, "in-progress pending pending pending"),
        (State.RUNNING, "completed in-progress pending pending"),
        (State.IN_REVIEW, "completed completed in-progress pending"),
        (State.MERGING, "completed completed completed in-progress"),
        (State.DONE, "completed completed completed completed"),
        (State.BLOCKED, "completed pending pending pending"),
        (State.CANCELLED, "completed cancelled cancelled cancelled"),
    ],
)
def test_the_plan_says_how_far_the_item_has_come(state: State, statuses: str) -> None:
    plan = sessions.plan(InFlightRecord(work_item_id="ACME-1", state=state, attempt=1))
    assert " ".join(step.status for step in plan) == statuses


def test_the_links_name_the_status_page_where_people_can_reach_it() -> None:
    config = config_of(server={"publicUrl": "https://factory.example/"})
    record = InFlightRecord(work_item_id="acme/shop#12")
    assert sessions.links(record, config) == (Link(label="Status", url="https://factory.example/items/acme/shop%2312"),)


def test_a_session_does_not_go_stale_while_the_agent_works_or_its_work_is_reviewed() -> None:
    """Linear calls it stale after half an hour without an entry."""

    async def story() -> None:
        world = await begun()
        assert await world.pass_time(timedelta(hours=2)) == {"active"}
        await world.agent_ends()
        assert await world.pass_time(timedelta(days=1)) == {"active"}
        shown = [activity.ephemeral for _, activity in world.tracker.entries["s1"] if "now." in activity.text]
        assert all(shown) and len(shown) <= 26 * 3

    run(story())


def test_a_session_that_waits_in_line_does_not_go_stale() -> None:
    async def story() -> None:
        world = await queued()
        assert await world.pass_time(timedelta(hours=2)) == {"active"}
        assert world.last().text.startswith("Waiting for a place to work: ")

    run(story())


def test_a_session_whose_review_waits_for_days_waits_for_a_person() -> None:
    """From the day on which people are reminded; nothing is repeated after that, and the end is said."""

    async def story() -> None:
        world = SessionWorld(merge={"policy": "on-green-with-review"})
        world.tracker.items["ACME-1"] = ticket()
        await world.open()
        await world.agent_ends()
        world.target.green(1)
        await world.hear(world.pull())
        for _ in range(4):
            await world.later(timedelta(days=1))
        entries = len(world.kinds())
        assert world.status() == "awaitingInput" and "has waited for 3 d" in world.last().text
        for _ in range(5):
            await world.later(timedelta(days=1))
        assert len(world.kinds()) == entries
        for _ in range(7):
            await world.later(timedelta(days=1))
        assert (await world.state(), world.status()) == (State.BLOCKED, "error")

    run(story())


def test_a_session_of_an_item_that_nobody_frees_is_not_refreshed_for_ever() -> None:
    """A clock that never moves anything costs a bounded number of calls."""

    async def story() -> None:
        world, days = await begun(), {"span": timedelta(days=2), "step": timedelta(minutes=10)}
        await world.agent_ends(RunStatus.LIMITED, retry_at=world.now + timedelta(days=9))
        assert await world.pass_time(**days) == {"active"}
        await world.pass_time(**days)
        entries = len(world.kinds())
        await world.pass_time(**days)
        assert len(world.kinds()) == entries <= 3 * 24 * 3 + 5

    run(story())


def test_what_is_ready_for_review_is_said_once_and_the_end_is_short() -> None:
    """The ticket's comment comes with the pull request; follow-ups and the merge do not repeat it."""

    async def story(session: bool) -> SessionWorld:
        world = SessionWorld()
        world.tracker.items["ACME-1"] = ticket()
        await (world.open() if session else world.hear(world.changed(ticket())))
        await world.agent_ends(words="Renamed it; `make test` passes.")
        (review,) = world.said()
        assert review.startswith("Ready for review: https://code.example/acme/shop/pull/1\n\nRenamed it;")
        world.target.red(1)
        await world.hear(world.pull())
        await world.agent_ends(words="Mended.")
        world.target.green(1)
        await world.hear(world.pull())
        assert await world.state() is State.DONE
        return world

    async def main() -> None:
        _, merged = (await story(session=False)).said()
        assert merged.startswith("Merged: ") and "Renamed it" not in merged
        world = await story(session=True)
        assert len(world.said()) == 1 and world.last().text.startswith("Merged: ")

    run(main())


def test_what_blocks_an_item_is_said_in_its_session_and_nowhere_twice() -> None:
    """Linear shows an error as a comment by itself; after three days it is said once more."""

    async def story() -> None:
        world = await blocked()
        assert world.said() == [] and "What to do: factory pipeline retry ACME-1" in world.last().text
        await world.later(timedelta(days=3, seconds=1))
        assert world.said() == [] and world.last().text.startswith("This has waited for a person for 3 d")

    run(story())


def test_a_session_that_takes_no_more_entries_is_replaced_by_comments() -> None:
    """A session that was deleted: the end is still told, and the ticket is what tells from then on."""

    async def story() -> None:
        world = await begun()
        gone = Terminal("Linear: AgentActivityCreate", why="Entity not found", fix="factory doctor linear")
        world.tracker.faults["post_activity"] = [gone]
        await world.agent_ends()
        assert (await world.record()).session_id == ""
        world.target.green(1)
        await world.hear(world.pull())
        assert world.said()[-1].startswith("Merged: ")
        other = await begun()
        other.tracker.faults["post_activity"] = [gone]
        await other.agent_ends(RunStatus.CAPPED, why="10 dollars are spent")
        assert other.said()[-1].startswith("The factory stops here: ")

    run(story())


def test_what_is_no_longer_so_is_not_posted_when_the_tracker_answers_again() -> None:
    """An outage of an hour leaves one entry to be made, not ten."""

    async def story() -> None:
        world = await begun()
        world.tracker.faults["post_activity"] = [DOWN] * 500
        await world.agent_ends()
        world.target.green(1)
        await world.hear(world.pull())
        world.tracker.faults["post_activity"].clear()
        before = len(world.kinds())
        await world.later(timedelta(hours=1))
        assert world.kinds()[before:] == ["result"]

    run(story())


def test_an_older_answer_never_comes_after_a_newer_one() -> None:
    """A session is opened while the tracker does not take entries, and a second one after it."""

    async def story() -> None:
        world = SessionWorld()
        world.tracker.items["ACME-1"] = ticket(**VAGUE)
        world.tracker.faults["post_activity"] = [DOWN] * 6
        await world.open()
        await world.open("s2")
        for _ in range(30):
            await world.later(timedelta(minutes=1))
        assert (world.status("s1"), world.status("s2")) == ("complete", "awaitingInput")

    run(story())


def test_a_reopened_item_goes_on_in_its_session() -> None:
    """Stopped, and put back to ready: what comes of it is shown (an earlier stop does not silence it)."""

    async def story() -> None:
        world = await begun()
        await world.stop()
        for state in (ItemState.OTHER, ItemState.READY):
            await world.later(timedelta(minutes=1))
            world.tracker.items["ACME-1"] = ticket(state=state, updated_at=world.now)
            await world.hear(world.changed(world.tracker.items["ACME-1"]))
        assert (await world.state(), world.status()) == (State.RUNNING, "active")

    run(story())


def test_the_factory_is_shown_as_the_one_who_works_on_it() -> None:
    """Only where somebody opened a session; other tickets keep whom people gave them to."""

    async def story() -> None:
        world = await begun()
        await world.add(ticket("ACME-2", project="API"))
        assert world.tracker.claimed == {"ACME-1"} and len(world.fleet.live) == 2

    run(story())


def test_records_of_an_older_release_still_answer() -> None:
    """Its orders named only the session."""
    stored = AcknowledgeSession.model_validate({"kind": "acknowledge_session", "session_id": "s1"})
    assert stored.activity == sessions.ON_IT
    with pytest.raises(ValueError, match="activity"):
        PostActivity.model_validate({"kind": "post_activity", "session_id": "s1"})
    assert Activity(text="Working", about="a branch").sentence == "Working: a branch."
