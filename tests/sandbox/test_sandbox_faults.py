"""Faults on request, over a real port: refused, broken, hanging and dropped requests; and the control API."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from factory_core.errors import Refused
from factory_sandbox.app import serving
from factory_sandbox.clock import Clock
from factory_sandbox.world import Sandbox
from tests.sandbox.stand import JumpingTime, sandbox_and_client

COMMENT = 'mutation { commentCreate(input: { issueId: "DEMO-1", body: "Hello" }) { success } }'


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[httpx2.AsyncClient]:
    sandbox = await Sandbox.demo(clock=Clock(scale=0.001))
    headers = {"authorization": "Bearer a-token"}
    async with (
        serving(sandbox) as address,
        httpx2.AsyncClient(base_url=address, headers=headers, timeout=120) as client,
    ):
        yield client


async def command(client: httpx2.AsyncClient, path: str, **body: Any) -> Any:
    answer = await client.post(f"/_/{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(("mode", "done"), [("drop-before", 0), ("drop-after", 1)])
def test_a_dropped_connection_has_no_answer_and_may_have_acted(mode: str, done: int) -> None:
    """Not one byte comes back; only the state tells whether it was done. The next request is served."""

    async def run() -> None:
        async with served() as client:
            await command(client, "linear/issues", title="Add a total")
            await command(client, "faults", vendor="linear", operation="commentCreate", mode=mode)
            with pytest.raises(httpx2.RemoteProtocolError, match="without sending a response"):
                await client.post("/linear/graphql", json={"query": COMMENT})
            state = (await client.get("/_/state")).json()
            assert len(state["linear"]["issues"]["DEMO-1"]["comments"]) == done
            assert (await client.post("/linear/graphql", json={"query": COMMENT})).status_code == 200
            state = (await client.get("/_/state")).json()
            assert state["requests"] == {"linear": {"commentCreate": 2}}

    asyncio.run(run())


@pytest.mark.parametrize(
    ("vendor", "path", "status", "header"),
    [
        ("linear", "/linear/graphql", 400, "x-ratelimit-requests-reset"),
        ("slack", "/slack/api/auth.test", 429, "retry-after"),
        ("github", "/github/user", 429, "retry-after"),
        ("relayfile", "/relayfile/v1/workspaces/ws/fs/events", 429, "retry-after"),
    ],
)
def test_each_vendor_has_its_own_way_to_say_too_many(vendor: str, path: str, status: int, header: str) -> None:
    """As often as asked for, with the time to wait; then all is well again."""

    async def run() -> None:
        async with sandbox_and_client() as (sandbox, client):
            await command(client, "faults", vendor=vendor, mode="429", seconds=30, times=2)
            query = {"json": {"query": "{ viewer { id } }"}} if vendor == "linear" else {}
            method = "POST" if vendor in ("linear", "slack") else "GET"
            answers = [await client.request(method, path, **query) for _ in range(3)]
            assert [answer.status_code for answer in answers] == [status, status, 200]
            reset = str(sandbox.clock.epoch_ms() + 30_000)
            assert answers[0].headers[header] == (reset if vendor == "linear" else "30")
            assert vendor != "linear" or answers[0].json()["errors"][0]["extensions"]["code"] == "RATELIMITED"

    asyncio.run(run())


def test_a_fault_meets_only_its_operation() -> None:
    """A broken method leaves the others alone; clearing ends what was still to come."""

    async def run() -> None:
        async with sandbox_and_client() as (_, client):
            await command(client, "faults", vendor="slack", operation="users.info", mode="500", times=9)
            codes = [
                (await client.post(f"/slack/api/{method}")).status_code
                for method in ("auth.test", "users.info", "conversations.list")
            ]
            assert codes == [200, 500, 200]
            assert (await client.delete("/_/faults")).status_code == 200
            assert (await client.post("/slack/api/users.info")).status_code == 200

    asyncio.run(run())


def test_a_hanging_request_is_answered_in_the_end() -> None:
    """After the seconds asked for, unscaled, it acts and answers."""

    async def run() -> None:
        time = JumpingTime()
        async with sandbox_and_client(time=time) as (_, client):
            await command(client, "faults", vendor="github", operation="user", mode="hang", seconds=40)
            answer = await client.get("/github/user")
            assert (answer.status_code, answer.json()["login"], time.slept) == (200, "factory-bot", [40])

    asyncio.run(run())


def test_every_command_reaches_its_vendor() -> None:
    """One person's day by the control API alone, and all of it counted in the state."""

    async def run() -> None:
        async with sandbox_and_client() as (sandbox, client):
            made = await command(
                client, "linear/issues", title="Add a total", description="", labels=["bug"], project="Shop",
                state="Ready for Agent", priority=2, creator="Grace", team="DEMO",
            )  # fmt: skip
            assert made == {"id": sandbox.linear.issues[0]["id"], "key": "DEMO-1", "url": made["url"]}
            patched = await client.patch("/_/linear/issues/DEMO-1", json={"state": "Canceled", "user": "Grace"})
            assert patched.json()["key"] == "DEMO-1"
            await command(client, "linear/comments", key="DEMO-1", body="Never mind", user="Grace")
            said = await command(client, "slack/replies", channel="C0SANDBOX", user="U0ADA", text="Hello")
            await command(client, "slack/replies", channel="C0SANDBOX", thread_ts=said["ts"], user="U0NEW", text="Hi")
            await command(client, "github/repositories", name="acme/site")
            await command(client, "github/checks", conclusion="failure", times=2)
            await command(client, "github/checks", never=True)
            await command(client, "github/reviewer", state="approved")
            state = (await client.get("/_/state")).json()
            issue = state["linear"]["issues"]["DEMO-1"]
            assert (issue["states"], issue["labels"]) == (["Ready for Agent", "Canceled"], ["bug"])
            assert [(c["body"], c["user"]) for c in issue["comments"]] == [("Never mind", "Grace")]
            thread = state["slack"]["threads"][f"C0SANDBOX:{said['ts']}"]
            assert [message["text"] for message in thread] == ["Hello", "Hi"]
            assert sorted(state["github"]["repositories"]) == ["acme/shop", "acme/site"]
            jobs = [job for (plan,) in sandbox.github.next_workflows for job in plan.jobs]
            assert [(job.conclusion, job.ends) for job in jobs] == [
                ("failure", True), ("failure", True), ("success", False),
            ]  # fmt: skip

    asyncio.run(run())


@pytest.mark.parametrize(
    ("path", "body", "status", "what"),
    [
        ("faults", {"vendor": "linear", "mode": "explode"}, 400, "mode"),
        ("linear/issues", {"title": "x", "colour": "red"}, 400, "colour"),
        ("linear/comments", {"key": "DEMO-9", "body": "x"}, 404, "Entity not found: Issue"),
        ("github/repositories", {"name": "../escape"}, 400, "'../escape' is no repository"),
        ("subscribe", {"vendor": "jira", "url": "http://x", "secret": "s"}, 400, "vendor"),
        ("subscribe", {"vendor": "linear", "url": "ftp://x", "secret": "s"}, 400, "'ftp://x' is no address"),
    ],
)
def test_a_wrong_command_says_what_is_wrong(path: str, body: dict[str, str], status: int, what: str) -> None:
    """The key or the thing that is not there, and nothing happened."""

    async def run() -> None:
        async with sandbox_and_client() as (_, client):
            answer = await client.post(f"/_/{path}", json=body)
            assert (answer.status_code, answer.json()["what"]) == (status, what)

    asyncio.run(run())


@pytest.mark.parametrize("body", ["[]", "{", "3"])
def test_a_command_is_a_json_object(body: str) -> None:
    """Anything else is refused before a vendor hears of it."""

    async def run() -> None:
        async with sandbox_and_client() as (_, client):
            answer = await client.post("/_/linear/issues", content=body)
            assert (answer.status_code, answer.json()["what"]) == (400, "the body")

    asyncio.run(run())


def test_a_port_that_is_taken_is_said_with_another() -> None:
    """The fix is the command with the next port."""

    async def run() -> None:
        async with serving(await Sandbox.demo()) as address:
            port = int(address.rpartition(":")[2])
            with pytest.raises(Refused) as refused:
                async with serving(await Sandbox.demo(), port):
                    pass
            assert refused.value.fix == f"factory sandbox --port {port + 1}"

    asyncio.run(run())
