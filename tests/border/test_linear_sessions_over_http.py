"""The whole way over HTTP: Linear's webhooks in, entries in its sessions out, and the statuses that Linear shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx2

from adapters.providers.linear.clarification import LinearClarificationChannel
from adapters.providers.linear.client import LinearClient
from adapters.providers.linear.items import LinearWorkItemProvider
from adapters.providers.linear.settings import LinearSettings
from adapters.providers.linear.webhook import LinearWebhook
from factory_core.dispatch.records import State
from factory_core.dispatch.task_template import StandardTask
from factory_core.http import HttpRequest
from factory_core.performing.event_recorder import LeaseHolder
from factory_core.performing.perform import EffectHandlers, RuleTriager
from tests.core.world import CLEAR, Process, World, process_of
from tests.sandbox.stand import HOOK, SECRET, JumpingTime, Receiver, sandbox_and_client


class LinearWorld(World):
    """Its tracker and its channel are the sandbox's Linear; code host and agents are in memory."""

    def __init__(self, sandbox: Any, http: httpx2.AsyncClient, receiver: Receiver, time: JumpingTime) -> None:
        self.sandbox, self._http, self._receiver, self._time, self._read = sandbox, http, receiver, time, 0
        super().__init__(
            clarificationChannel="linear",
            linear={"url": "http://127.0.0.1/linear", "appUserId": sandbox.linear.viewer["id"]},
            routing={"default": "acme/shop"},
        )
        self.now = time.at

    def new_factory(self, holder: str) -> Process:
        client = LinearClient(self._http, "a-token", self.config.section("linear", LinearSettings).url, self.clock)
        handlers = EffectHandlers(
            self.config, self.store, self.clock, tracker=LinearWorkItemProvider(client, self.config),
            channel=LinearClarificationChannel(client, self.config), target=self.target, fleet=self.fleet,
            triager=RuleTriager(self.config), template=StandardTask(self.config),
        )  # fmt: skip
        webhooks = {"linear": LinearWebhook((SECRET,), self.config)}
        leases = LeaseHolder(holder, self.woken.append)
        return process_of(self.config, self.store, handlers, self.clock, leases, webhooks=webhooks)

    async def deliver(self) -> None:
        """Until neither Linear nor the factory has anything to say to the other."""
        await self.sandbox.webhooks.idle()
        while self._read < len(self._receiver.got):
            sent, self._read = self._receiver.got[self._read], self._read + 1
            headers = {name.lower(): value for name, value in sent.headers.items()}
            given = HttpRequest(headers=headers, body=sent.content, received_at=self.now)
            assert (await self.factory.intake.handle_webhook("linear", given)).status == 200
            await self.settle()
            await self.sandbox.webhooks.idle()

    async def pass_time(self, span: timedelta) -> None:
        until = self.now + span
        while self.now < until:
            self._time.at += timedelta(minutes=1)
            await self.later(timedelta(minutes=1))
            await self.deliver()

    def session(self, n: int = 0) -> dict[str, Any]:
        self.sandbox.linear.refresh_sessions()
        found: dict[str, Any] = self.sandbox.linear.sessions[n]
        return found

    async def only(self) -> Any:
        (record,) = [one async for one in self.store.list_in_flight()]
        return record


@asynccontextmanager
async def linear_world() -> AsyncIterator[LinearWorld]:
    receiver, time = Receiver(), JumpingTime()
    async with sandbox_and_client(receiver, time) as (sandbox, http):
        sandbox.webhooks.subscribe("linear", HOOK + "linear", SECRET)
        yield LinearWorld(sandbox, http, receiver, time)


def test_a_delegation_becomes_a_merged_pull_request_in_one_session() -> None:
    """Asked, answered, worked on, reviewed and merged: in the session that the person opened, and in no other."""

    async def story() -> None:
        async with linear_world() as world:
            linear = world.sandbox.linear
            key = linear.create_issue("Cart is off", "Please look.", delegate=linear.viewer["name"])["key"]
            await world.deliver()
            asked = world.session()
            assert (asked["status"], asked["unresponsive"], len(linear.sessions)) == ("awaitingInput", False, 1)
            question = asked["activities"][-1]["content"]
            assert question["body"].startswith(linear.person("Ada")["url"]) and "<@" not in question["body"]
            linear.prompt(asked["id"], CLEAR)
            await world.deliver()
            assert (await world.only()).state is State.RUNNING and world.session()["status"] == "active"
            issue = linear.issue(key)
            assert (issue["state"]["name"], issue["delegate"]["id"]) == ("In Progress", linear.viewer["id"])
            await world.pass_time(timedelta(minutes=70))
            assert world.session()["status"] == "active"
            await world.agent_ends(words="Renamed it.")
            await world.deliver()
            shown = world.session()
            assert shown["status"] == "active" and shown["externalUrls"][0]["url"].endswith("/pull/1")
            assert [step["status"] for step in shown["plan"]] == ["completed", "completed", "inProgress", "pending"]
            assert [comment["body"][:16] for comment in ours(issue)] == ["Ready for review"]
            world.target.green(1)
            await world.hear(world.pull((await world.only()).work_item_id))
            await world.deliver()
            done = world.session()
            assert (done["status"], issue["state"]["name"], len(linear.sessions)) == ("complete", "Done", 1)
            assert done["activities"][-1]["content"]["body"].startswith("Merged: ")
            assert {step["status"] for step in done["plan"]} == {"completed"}
            await world.pass_time(timedelta(minutes=45))
            assert world.session()["status"] == "complete" and len(ours(issue)) == 1

    def ours(issue: dict[str, Any]) -> list[dict[str, Any]]:
        viewer = issue["delegate"]["id"]
        return [one for one in issue["comments"] if one["user"] and one["user"]["id"] == viewer and not one["parent"]]

    asyncio.run(story())


def test_stop_counts_after_the_ticket_moved_to_another_team() -> None:
    """Its key is another one by then; the agent is stopped, and that is said once."""

    async def story() -> None:
        async with linear_world() as world:
            linear = world.sandbox.linear
            key = linear.create_issue("Rename total to amount", CLEAR, state="Ready for Agent")["key"]
            linear.change_issue(key, delegate=linear.viewer["name"])
            await world.deliver()
            assert len(world.fleet.live) == 1
            linear.team("PLAT")
            linear.move_issue(key, "PLAT")
            linear.prompt(world.session()["id"], "", "stop")
            await world.deliver()
            stopped = world.session()
            assert (world.fleet.live, (await world.only()).state) == ([], State.CANCELLED)
            assert stopped["status"] == "complete"
            ends = [one["content"]["type"] for one in stopped["activities"]]
            assert ends.count("response") + ends.count("error") == 1

    asyncio.run(story())


def test_a_ticket_without_a_session_is_asked_in_one_of_ours() -> None:
    """It is the one that goes on to show the work, and the webhook of our own opening starts nothing."""

    async def story() -> None:
        async with linear_world() as world:
            linear = world.sandbox.linear
            linear.create_issue("Cart is off", "Please look.", state="Ready for Agent")
            await world.deliver()
            asked = world.session()
            assert (asked["status"], len(asked["activities"]), len(linear.sessions)) == ("awaitingInput", 1, 1)
            linear.prompt(asked["id"], CLEAR)
            await world.deliver()
            assert (world.session()["status"], len(linear.sessions)) == ("active", 1)

    asyncio.run(story())


def test_a_team_with_states_of_its_own_is_worked_for() -> None:
    """Delegated, for it has no state that is mapped to ready; moved to its own first state of what was started."""

    async def story() -> None:
        async with linear_world() as world:
            linear = world.sandbox.linear
            team = linear.team("DEMO")
            names = {"Ready for Agent": "Todo", "In Progress": "Doing", "In Review": "Paused", "Done": "Shipped"}
            for state in team["states"]:
                state["name"] = names.get(state["name"], state["name"])
            key = linear.create_issue("Rename total to amount", CLEAR, state="Todo")["key"]
            linear.change_issue(key, delegate=linear.viewer["name"])
            await world.deliver()
            assert (linear.issue(key)["state"]["name"], len(world.fleet.live)) == ("Doing", 1)
            await world.agent_ends()
            await world.deliver()
            assert (linear.issue(key)["state"]["name"], (await world.only()).state) == ("Doing", State.IN_REVIEW)
            world.target.green(1)
            await world.hear(world.pull((await world.only()).work_item_id))
            await world.deliver()
            assert linear.issue(key)["state"]["name"] == "Shipped"

    asyncio.run(story())
