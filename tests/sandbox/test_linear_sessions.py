"""Agent sessions as Linear means them: the status follows the last activity, and time has a say in it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.sandbox.stand import Served, graphql, served

ACT = (
    "mutation A($input: AgentActivityCreateInput!) { agentActivityCreate(input: $input) { success agentActivity { id"
    " ephemeral } } }"
)
UPDATE = (
    "mutation U($id: String!, $input: AgentSessionUpdateInput!) { agentSessionUpdate(id: $id, input: $input) { success"
    " agentSession { plan externalLinks { label url } } } }"
)
SESSION = (
    "query S($id: String!) { agentSession(id: $id) { status endedAt creator { name } comment { body } activities {"
    " nodes { content { __typename ... on AgentActivityThoughtContent { body } ... on AgentActivityActionContent {"
    " action parameter } ... on AgentActivityPromptContent { body } } signal ephemeral } } } }"
)


async def begun(stage: Served, **more: Any) -> str:
    await stage.command("linear/issues", title="Cart")
    id: str = (await stage.command("linear/sessions", key="DEMO-1", **{"user": "Ada", **more}))["id"]
    return id


async def act(stage: Served, session: str, kind: str, ephemeral: bool = False, **content: str) -> None:
    content = content or ({"action": "Edits", "parameter": "cart.py"} if kind == "action" else {"body": "Words"})
    order = {"agentSessionId": session, "content": {"type": kind, **content}, "ephemeral": ephemeral}
    await graphql(stage.client, "linear", ACT, input=order)


async def shown(stage: Served, session: str) -> Any:
    return (await graphql(stage.client, "linear", SESSION, id=session))["agentSession"]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("thought", "active"), ("action", "active"), ("elicitation", "awaitingInput"), ("response", "complete"),
        ("error", "error"),
    ],
)  # fmt: skip
def test_the_status_follows_the_last_activity(kind: str, status: str) -> None:
    """Pending at first; words of a person make it active again, whatever it was."""

    async def run() -> None:
        async with served() as stage:
            session = await begun(stage)
            assert (await shown(stage, session))["status"] == "pending"
            await act(stage, session, kind)
            seen = await shown(stage, session)
            assert (seen["status"], seen["endedAt"] is not None) == (status, kind in ("response", "error"))
            await stage.command("linear/prompts", session=session, body="One more thing")
            assert (await shown(stage, session))["status"] == "active"

    asyncio.run(run())


def test_a_session_without_an_activity_for_half_an_hour_is_stale_and_comes_back() -> None:
    """Only one that the agent has to go on with; an activity recovers it."""

    async def run() -> None:
        async with served() as stage:
            session = await begun(stage)
            await act(stage, session, "thought")
            await stage.time.advance(30 * 60)
            assert (await shown(stage, session))["status"] == "active"
            await stage.time.advance(1)
            assert (await shown(stage, session))["status"] == "stale"
            await act(stage, session, "action")
            assert (await shown(stage, session))["status"] == "active"
            await act(stage, session, "elicitation")
            aged = await stage.command("linear/silence", session=session, seconds=86_400)
            assert aged["status"] == "awaitingInput"

    asyncio.run(run())


@pytest.mark.parametrize(
    ("after", "how", "unresponsive"),
    [
        (10, "thought", False),
        (11, "thought", True),
        (9, "address", False),
        (11, "nothing", True),
        (9, "nothing", False),
    ],
)
def test_an_agent_has_ten_seconds_to_be_there(after: float, how: str, unresponsive: bool) -> None:
    """With an activity, or by setting an address of its own."""

    async def run() -> None:
        async with served() as stage:
            session = await begun(stage)
            await stage.time.advance(after)
            if how == "thought":
                await act(stage, session, "thought")
            elif how == "address":
                order = {"addedExternalUrls": [{"label": "Run", "url": "http://factory.test/1"}]}
                await graphql(stage.client, "linear", UPDATE, id=session, input=order)
            if how != "nothing":
                await stage.time.advance(60)
            (one,) = (await stage.get("/_/state"))["linear"]["sessions"]
            assert one["unresponsive"] is unresponsive

    asyncio.run(run())


def test_a_plan_and_addresses_are_replaced_as_a_whole() -> None:
    """What is not named stays; an address can be added and taken away."""

    async def run() -> None:
        async with served() as stage:
            session = await begun(stage)
            plan = {"steps": [{"content": "Write the test", "status": "inProgress"}]}
            urls = [{"label": "Run", "url": "http://factory.test/1"}]
            await graphql(stage.client, "linear", UPDATE, id=session, input={"plan": plan, "externalUrls": urls})
            order = {
                "addedExternalUrls": [{"label": "PR", "url": "http://x/1"}],
                "removedExternalUrls": [urls[0]["url"]],
            }
            data = await graphql(stage.client, "linear", UPDATE, id=session, input=order)
            assert data["agentSessionUpdate"]["agentSession"] == {
                "plan": plan, "externalLinks": [{"label": "PR", "url": "http://x/1"}],
            }  # fmt: skip
            (one,) = (await stage.get("/_/state"))["linear"]["sessions"]
            assert one["plan"] == plan

    asyncio.run(run())


def test_an_ephemeral_activity_is_gone_with_the_next() -> None:
    """Thoughts and actions may be ephemeral, nothing else; an action has a parameter."""

    async def run() -> None:
        async with served() as stage:
            session = await begun(stage)
            await act(stage, session, "action", ephemeral=True)
            await act(stage, session, "thought", body="Done with it")
            nodes = (await shown(stage, session))["activities"]["nodes"]
            assert [node["content"] for node in nodes] == [
                {"__typename": "AgentActivityThoughtContent", "body": "Done with it"}
            ]
            for content, ephemeral in (
                ({"type": "response", "body": "x"}, True), ({"type": "action", "action": "x"}, False),
                ({"type": "song", "body": "x"}, False),
            ):  # fmt: skip
                order = {"agentSessionId": session, "content": content, "ephemeral": ephemeral}
                answer = await stage.client.post("/linear/graphql", json={"query": ACT, "variables": {"input": order}})
                assert answer.json()["errors"][0]["extensions"]["code"] == "INPUT_ERROR"

    asyncio.run(run())


def test_stop_is_a_signal_and_no_work() -> None:
    """It is told as a prompt with the signal; the session stays as it was until the agent has answered."""

    async def run() -> None:
        async with served() as stage:
            session = await begun(stage)
            await act(stage, session, "elicitation")
            await stage.command("linear/prompts", session=session, body="Stop", signal="stop")
            assert (await shown(stage, session))["status"] == "awaitingInput"
            await act(stage, session, "response")
            assert (await shown(stage, session))["status"] == "complete"
            await stage.time.settle()
            created, prompted = stage.receiver.bodies("AgentSessionEvent")
            assert (created["action"], prompted["action"]) == ("created", "prompted")
            assert (prompted["agentActivity"]["signal"], prompted["agentSession"]["status"]) == (
                "stop",
                "awaitingInput",
            )

    asyncio.run(run())


def test_a_session_may_have_no_creator_and_a_root_comment_no_author() -> None:
    """Linear itself opened it, and wrote the comment that it hangs on."""

    async def run() -> None:
        async with served() as stage:
            session = await begun(stage, user="", root_comment=True)
            seen = await shown(stage, session)
            assert (seen["creator"], seen["comment"]["body"][:11]) == (None, "This thread")
            await stage.time.settle()
            (created,), (comment,) = stage.receiver.bodies("AgentSessionEvent"), stage.receiver.bodies("Comment")
            assert (created["agentSession"]["creatorId"], created["agentSession"]["creator"]) == (None, None)
            assert created["agentSession"]["commentId"] == comment["data"]["id"]
            assert (comment["actor"], comment["data"]["user"], comment["data"]["botActor"]) == (None, None, None)

    asyncio.run(run())


def test_a_mention_opens_a_session_at_its_comment() -> None:
    """The session's event carries the words, and names the comment."""

    async def run() -> None:
        async with served() as stage:
            await stage.command("linear/issues", title="Cart")
            await stage.command("linear/mentions", key="DEMO-1", body="please fix this", user="Grace")
            await stage.time.settle()
            (created,) = stage.receiver.bodies("AgentSessionEvent")
            assert created["agentSession"]["comment"]["body"] == "@factory please fix this"
            assert [one["id"] for one in created["previousComments"]] == [created["agentSession"]["commentId"]]
            assert created["agentSession"]["creator"]["name"] == "Grace"

    asyncio.run(run())
