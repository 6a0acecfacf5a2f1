"""The imitated relayfile: pointers to files, aliases of one object, a feed with a cursor, dead letters."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2

from tests.sandbox.stand import HOOK, SECRET, Receiver, push_branch, sandbox_and_client

ROOT = "/relayfile/v1/workspaces/ws_acme"


async def read(client: httpx2.AsyncClient, path: str) -> Any:
    answer = await client.get(f"{ROOT}/fs/file", params={"path": path})
    assert answer.status_code == 200, path
    return json.loads(answer.json()["content"])


async def subscribe(client: httpx2.AsyncClient, *globs: str) -> str:
    order = {"url": HOOK + "relayfile", "pathGlobs": list(globs), "secret": SECRET}
    answer = await client.post(f"{ROOT}/webhooks", json=order)
    assert answer.status_code == 201 and "secret" not in answer.json()
    return str(answer.json()["subscriptionId"])


def test_one_change_of_an_issue_is_five_pointers_to_one_object() -> None:
    """The canonical file and four aliases are told of, and all of them read the same."""

    async def run() -> None:
        receiver = Receiver()
        async with sandbox_and_client(receiver) as (sandbox, client):
            await subscribe(client, "/linear/issues/**")
            made = sandbox.linear.create_issue("Add a total", state="Ready for Agent")
            await sandbox.webhooks.idle()
            pointers = [json.loads(request.content) for request in receiver.got]
            assert len({pointer["path"] for pointer in pointers}) == 5
            for pointer, request in zip(pointers, receiver.got, strict=True):
                assert pointer["eventId"] == request.headers["x-relay-event-id"]
                file = await read(client, pointer["path"])
                assert (file["objectId"], file["payload"]["identifier"]) == (made["id"], "DEMO-1")

    asyncio.run(run())


def test_replies_and_pull_requests_are_files_too() -> None:
    """Every path in the feed can be read; a reply has its thread, a pull request its checks and verdict."""

    async def run() -> None:
        async with sandbox_and_client() as (sandbox, client):
            root = sandbox.slack.reply("C0SANDBOX", "Which?", user="U0GRACE")
            sandbox.slack.reply("C0SANDBOX", "This", root["ts"])
            place = sandbox.github.repository("acme/shop")
            await push_branch(place.path, "factory/DEMO-1-x", "a.py", "A = 1\n")
            await sandbox.github.open_pull("acme/shop", "factory/DEMO-1-x", "main", "DEMO-1: x", "", False)
            await sandbox.webhooks.idle()
            events = (await client.get(f"{ROOT}/fs/events")).json()["events"]
            files = {event["path"]: await read(client, event["path"]) for event in events}
            kinds = {path: file["objectType"] for path, file in files.items()}
            assert sorted(kinds.values()) == ["message", "pull_request", "pull_request", "thread_reply"]
            reply = next(file for file in files.values() if file["objectType"] == "thread_reply")
            assert (reply["payload"]["thread_ts"], reply["payload"]["text"]) == (root["ts"], "This")
            pull = files["/github/repos/acme__shop/pulls/by-id/1.json"]["payload"]
            assert pull["statusCheckRollup"] == [{"name": "ci", "status": "COMPLETED", "conclusion": "SUCCESS"}]

    asyncio.run(run())


def test_a_stub_lacks_everything_but_the_id() -> None:
    """As many reads as asked for are sparse, the next is whole again; an unknown path is 404."""

    async def run() -> None:
        async with sandbox_and_client() as (sandbox, client):
            made = sandbox.linear.create_issue("Add a total")
            sandbox.relayfile.make_sparse()
            stub = await read(client, "/linear/issues/by-id/DEMO-1.json")
            whole = await read(client, "/linear/issues/by-id/DEMO-1.json")
            assert stub["payload"] == {"id": made["id"]}
            assert whole["payload"]["title"] == "Add a total"
            nothing = await client.get(f"{ROOT}/fs/file", params={"path": "/linear/issues/by-id/DEMO-9.json"})
            assert nothing.status_code == 404

    asyncio.run(run())


def test_the_feed_goes_on_after_the_cursor() -> None:
    """In steps of the limit to the end, and the newest first when asked."""

    async def run() -> None:
        async with sandbox_and_client() as (sandbox, client):
            sandbox.linear.create_issue("Add a total")
            cursor, seen = None, []
            for _ in range(3):
                query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
                page = (await client.get(f"{ROOT}/fs/events", params=query)).json()
                seen += [event["eventId"] for event in page["events"]]
                cursor = page["nextCursor"]
            assert (seen, cursor) == (["evt_1", "evt_2", "evt_3", "evt_4", "evt_5"], None)
            newest = (await client.get(f"{ROOT}/fs/events", params={"direction": "desc", "limit": "1"})).json()
            assert newest["events"][0]["eventId"] == "evt_5"

    asyncio.run(run())


def test_what_was_never_accepted_is_a_dead_letter_that_can_be_replayed() -> None:
    """Three attempts, then the list; a replay that is accepted leaves it."""

    async def run() -> None:
        receiver = Receiver(500, 500, 500)
        async with sandbox_and_client(receiver) as (sandbox, client):
            id = await subscribe(client, "/linear/issues/by-id/*")
            sandbox.linear.create_issue("Add a total")
            await sandbox.webhooks.idle()
            dead = (await client.get(f"{ROOT}/webhooks/dlq")).json()["items"]
            assert [(one["eventId"], one["attemptCount"], one["subscriptionId"]) for one in dead] == [("evt_3", 3, id)]
            replayed = await client.post(f"{ROOT}/webhooks/dlq/{dead[0]['deliveryId']}/replay")
            assert replayed.status_code == 202
            await sandbox.webhooks.idle()
            assert (await client.get(f"{ROOT}/webhooks/dlq")).json()["items"] == []
            assert (await client.delete(f"{ROOT}/webhooks/{id}")).status_code == 204
            assert (await client.get(f"{ROOT}/webhooks")).json() == []

    asyncio.run(run())
