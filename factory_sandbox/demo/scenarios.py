"""What the demo plays, and what must have come of it, counted in the world and not in our own records."""

from __future__ import annotations

import asyncio
import logging
import subprocess
from collections.abc import Callable
from time import monotonic
from typing import Any, NamedTuple

from factory_core.dispatch.records import InFlightRecord, LogEntry, State
from factory_core.work_item import Frozen
from factory_sandbox.github.host import InlineComment

from .stage import Stage

PATIENCE = 60.0  # seconds for one scenario; it takes about two
CLEAR = (
    "The cart says `total` where the API says `amount`. Rename it in `cart.py`.\n\n"
    "Acceptance criteria:\n- [ ] `cart.py` has `amount()` and no `total()`\n- [ ] the test uses the new name\n"
)


OBJECTION = "Say in one line why the name changes."


class Scenario(NamedTuple):
    """A ticket, a person's answer if one is asked for, the state it must rest in, and what must be true then.

    With an `objection` a reviewer asks for changes at a line of the agent's file, and approves what comes of it.
    """

    name: str
    title: str
    description: str
    project: str
    answer: str
    rests_in: State
    holds: Callable[[dict[str, Any], dict[str, Any]], bool]  # of the sandbox's state and the ticket in it
    objection: str = ""


class PullRequestOutcome(Frozen):
    url: str
    merged: bool


class Outcome(Frozen):
    """One scenario as it went; `ok` only if it ended as it must."""

    scenario: str
    outcome: str
    ok: bool
    work_item: str
    pull_request: PullRequestOutcome | None
    states: tuple[str, ...]
    seconds: float


def _merged_once(world: dict[str, Any], ticket: dict[str, Any]) -> bool:
    """Done in the tracker, with a comment when it was ready and one at its end; exactly one pull request, merged."""
    mine = [pull for pull in _pulls(world) if f"factory/{ticket['key']}-" in pull["head"]]
    comments = [comment["body"].partition(":")[0] for comment in ticket["comments"]]
    ended = (ticket["state"], comments) == ("Done", ["Ready for review", "Merged"])
    return ended and [pull["merged"] for pull in mine] == [True]


def _asked_and_merged_once(world: dict[str, Any], ticket: dict[str, Any]) -> bool:
    asked = [thread for thread in world["slack"]["threads"].values() if ticket["key"] in thread[0]["text"]]
    return len(asked) == 1 and _merged_once(world, ticket)


def _fixed_and_merged_once(world: dict[str, Any], ticket: dict[str, Any]) -> bool:
    """What was merged answers the comment: the agent was given its words, and changed the file it is about."""
    repository = world["github"]["repositories"]["acme/shop"]
    command = ["git", "-C", repository["path"], "show", f"main:{_file_of(ticket['key'])}"]
    merged = subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603
    (pull,) = [pull for pull in _pulls(world) if f"factory/{ticket['key']}-" in pull["head"]]
    outdated = [comment["outdated"] for comment in pull["review_comments"]]
    return outdated == [True] and OBJECTION in merged and _merged_once(world, ticket)


def _file_of(key: str) -> str:
    """Where the scripted agent writes down what it was asked."""
    return f"changes/{key}.md"


def _asked_where_and_nothing_else(world: dict[str, Any], ticket: dict[str, Any]) -> bool:
    mine = [pull for pull in _pulls(world) if f"factory/{ticket['key']}-" in pull["head"]]
    asked = [thread for thread in world["slack"]["threads"].values() if ticket["key"] in thread[0]["text"]]
    return len(asked) == 1 and "1. acme/shop" in str(asked) and not mine


SCENARIOS = (
    Scenario("clear", "Rename total to amount", CLEAR, "Shop", "", State.DONE, _merged_once),
    Scenario(
        "vague", "The cart is confusing", "Can we make it nicer?", "Shop",
        "Only in the page: show `amount` instead of `total`.", State.DONE, _asked_and_merged_once,
    ),
    Scenario(
        "reviewed", "Rename sum to total", CLEAR, "Shop", "", State.DONE, _fixed_and_merged_once, OBJECTION
    ),
    Scenario(
        "unroutable", "Rename total to amount", CLEAR, "Website", "", State.WAITING, _asked_where_and_nothing_else
    ),
)  # fmt: skip


class Player:
    """Plays scenarios on a stage and tells what happens while it happens."""

    def __init__(self, stage: Stage, tell: Callable[[float, str, LogEntry], None]) -> None:
        self._stage, self._tell, self._begun = stage, tell, monotonic()
        self._states: dict[str, list[str]] = {}

    def heard(self, said: logging.LogRecord) -> bool:
        """A filter on the runner's log: every move from one state to another passes here."""
        item, to = getattr(said, "item", ""), getattr(said, "to", "")
        if item and to and self._states.setdefault(item, ["new"])[-1] != to:
            self._states[item].append(to)
        return False

    async def play(self, scenario: Scenario) -> Outcome:
        begun = monotonic()
        made = self._stage.sandbox.linear.create_issue(
            title=scenario.title, description=scenario.description, project=scenario.project, state="Ready for Agent"
        )
        key: str = made["key"]
        if scenario.objection:
            self._plan_reviews(InlineComment(path=_file_of(key), line=1, body=scenario.objection))
        record = await self._followed(scenario, key, begun)
        world = self._stage.sandbox.state()
        ticket = {**world["linear"]["issues"][key], "key": key}
        ok = record is not None and record.state is scenario.rests_in and scenario.holds(world, ticket)
        pull = next((pull for pull in _pulls(world) if f"factory/{key}-" in pull["head"]), None)
        known = record.pull_request if record else None
        return Outcome(
            scenario=scenario.name,
            outcome=str(record.state) if record else "unheard",
            ok=ok,
            work_item=key,
            pull_request=PullRequestOutcome(url=known.url if known else "", merged=pull["merged"]) if pull else None,
            states=tuple(self._states.get(key, ())),
            seconds=round(monotonic() - begun, 2),
        )

    async def _followed(self, scenario: Scenario, key: str, begun: float) -> InFlightRecord | None:
        """Tell the item's history as it grows, answer when it asks, until it rests."""
        told, answered, record = 0, False, None
        while monotonic() - begun < PATIENCE:
            record = await self._stage.tenant.store.get_in_flight(key)
            if record:
                for entry in record.log[told:]:
                    self._tell(monotonic() - self._begun, key, entry)
                told = len(record.log)
                if record.state is State.WAITING and not answered:
                    answered = self._answer(record, scenario.answer)
                if (
                    record.state in {scenario.rests_in, State.FAILED, State.CANCELLED, State.BLOCKED}
                    and not record.outbox
                ):
                    break
            await asyncio.sleep(0.03)
        return record

    def _plan_reviews(self, comment: InlineComment) -> None:
        """Of the first head one that asks for changes, of the second one that approves."""
        github = self._stage.sandbox.github
        github.plan_reviews("changes_requested", comments=(comment,))
        github.plan_reviews("approved")

    def _answer(self, record: InFlightRecord, answer: str) -> bool:
        channel, _, ts = (record.clarification.thread_id if record.clarification else "").partition(":")
        if ts and answer:
            self._stage.sandbox.slack.reply(channel=channel, text=answer, thread_ts=ts, user="U0ADA")
        return bool(ts)


def _pulls(world: dict[str, Any]) -> list[dict[str, Any]]:
    return [pull for repository in world["github"]["repositories"].values() for pull in repository["pulls"]]
