"""The imitated GitHub: real git over HTTP, pull requests that follow it, merges that are real commits."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from pathlib import Path
from typing import Any

import httpx2
import pytest

from factory_sandbox.app import serving
from factory_sandbox.clock import Clock
from factory_sandbox.github.git import ENVIRONMENT, git
from factory_sandbox.github.git import run as run_process
from factory_sandbox.world import Sandbox
from tests.sandbox.stand import HOOK, SECRET, JumpingTime, Receiver, graphql, push_branch, sandbox_and_client

PULLS = "/github/repos/acme/shop/pulls"
AUTO_MERGE = (
    "mutation E($id: ID!, $head: GitObjectID!) { enablePullRequestAutoMerge(input: {pullRequestId: $id,"
    " mergeMethod: SQUASH, expectedHeadOid: $head}) { pullRequest { number autoMergeRequest { mergeMethod } } } }"
)
READY = (
    "mutation M($id: ID!) { markPullRequestReadyForReview(input: {pullRequestId: $id})"
    " { pullRequest { number isDraft } } }"
)
OF_BRANCH = (
    "query P($owner: String!, $name: String!, $branch: String!) { repository(owner: $owner, name: $name) {"
    " pullRequests(headRefName: $branch, first: 10, orderBy: {field: UPDATED_AT, direction: DESC}) { nodes { id number"
    " url isDraft state merged mergedAt mergeStateStatus reviewDecision headRefOid baseRefName isCrossRepository"
    " autoMergeRequest { enabledAt mergeMethod } commits(last: 1) { nodes { commit { oid statusCheckRollup { state }"
    " } } } } } } }"
)


async def open_pull(sandbox: Sandbox, client: httpx2.AsyncClient, **more: Any) -> Any:
    place = sandbox.github.repository("acme/shop")
    if "factory/DEMO-1-x" not in place.branches:
        await push_branch(place.path, "factory/DEMO-1-x", "cart.py", "def total(prices):\n    return 0\n")
    order = {"head": "factory/DEMO-1-x", "base": "main", "title": "DEMO-1: x", "body": "Words", **more}
    answer = await client.post(PULLS, json=order)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_git_clones_pushes_and_a_pull_request_is_merged(tmp_path: Path) -> None:
    """The whole way with the real git over a real port: the merge is one commit on main, with our change in it."""

    async def run() -> None:
        sandbox = await Sandbox.demo(clock=Clock(scale=0.001))
        headers = {"authorization": "Bearer a-token"}
        async with (
            serving(sandbox) as address,
            httpx2.AsyncClient(base_url=address, headers=headers, timeout=120) as client,
        ):
            await _clone_and_push(f"{address}/git/acme/shop.git", tmp_path)
            pull = await open_pull(sandbox, client)
            assert pull["head"]["sha"] == await git(tmp_path / "shop", "rev-parse", "HEAD")
            order = {"sha": pull["head"]["sha"], "merge_method": "squash"}
            merged = (await client.put(f"{PULLS}/1/merge", json=order)).json()
            path = sandbox.github.repository("acme/shop").path
            assert await git(path, "show", "main:cart.py") == "TOTAL = 1"
            assert len((await git(path, "rev-list", "--parents", "-1", "main")).split()) == 2
            assert merged["sha"] == await git(path, "rev-parse", "main")

    asyncio.run(run())


async def _clone_and_push(url: str, folder: Path) -> None:
    pair = base64.b64encode(b"x-access-token:a-token").decode()
    environment = {
        **ENVIRONMENT, "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {pair}", "GIT_TERMINAL_PROMPT": "0",
    }  # fmt: skip
    code, _, err = await run_process(["git", "clone", "-q", url, str(folder / "shop")], environment)
    assert code == 0, err
    await asyncio.to_thread((folder / "shop" / "cart.py").write_text, "TOTAL = 1\n")
    await git(folder / "shop", "checkout", "-q", "-b", "factory/DEMO-1-x")
    await git(folder / "shop", "commit", "-q", "-a", "-m", "A total")
    push = ["git", "-C", str(folder / "shop"), "push", "-q", "origin", "HEAD"]
    code, _, err = await run_process(push, environment)
    assert code == 0, err
    code, _, err = await run_process(push, {**ENVIRONMENT, "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": os.devnull})
    assert code != 0, "a push without a credential"


@pytest.mark.parametrize("path", ["info/refs?service=git-receive-pack", "info/refs?service=git-upload-pack"])
def test_git_asks_for_a_credential(path: str) -> None:
    """401 that names Basic, for pushing and for fetching alike; an empty password is none."""

    async def run() -> None:
        async with sandbox_and_client() as (_, client):
            empty = base64.b64encode(b":").decode()
            for header in ("", f"Basic {empty}", "Basic !"):
                answer = await client.get(f"/git/acme/shop.git/{path}", headers={"authorization": header})
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"].startswith("Basic")
            assert (await client.get(f"/git/acme/shop.git/{path}")).status_code == 200
            assert (await client.get(f"/git/acme/nothing.git/{path}")).status_code == 404

    asyncio.run(run())


def test_a_pull_request_is_found_by_its_branch() -> None:
    """`head` needs the owner; REST and GraphQL show the same pull request."""

    async def run() -> None:
        async with sandbox_and_client() as (sandbox, client):
            pull = await open_pull(sandbox, client)
            await sandbox.webhooks.idle()
            found = (await client.get(PULLS, params={"state": "all", "head": "acme:factory/DEMO-1-x"})).json()
            none = (await client.get(PULLS, params={"state": "all", "head": "acme:factory/DEMO-2-x"})).json()
            assert ([one["number"] for one in found], none) == ([1], [])
            data = await graphql(client, "github", OF_BRANCH, owner="acme", name="shop", branch="factory/DEMO-1-x")
            node = data["repository"]["pullRequests"]["nodes"][0]
            assert (node["headRefOid"], node["state"], node["mergeStateStatus"]) == (
                pull["head"]["sha"],
                "OPEN",
                "CLEAN",
            )
            assert node["commits"]["nodes"][0]["commit"]["statusCheckRollup"] == {"state": "SUCCESS"}

    asyncio.run(run())


def test_a_pull_request_is_opened_once_and_only_for_something() -> None:
    """A second one of the branch, an unknown branch and a branch without commits are 422."""

    async def run() -> None:
        async with sandbox_and_client() as (sandbox, client):
            await open_pull(sandbox, client)
            place = sandbox.github.repository("acme/shop")
            await git(place.path, "branch", "same", "main")
            for head in ("factory/DEMO-1-x", "nowhere", "same"):
                answer = await client.post(PULLS, json={"head": head, "base": "main", "title": "x"})
                assert (answer.status_code, answer.json()["message"]) == (422, "Validation Failed")
            assert len(place.pulls) == 1

    asyncio.run(run())


def test_only_the_pinned_open_ready_head_is_merged() -> None:
    """409 for another head; 405 for a draft, a conflict, and what is merged already."""

    async def run() -> None:
        async with sandbox_and_client() as (sandbox, client):
            pull = await open_pull(sandbox, client, draft=True)
            path = sandbox.github.repository("acme/shop").path

            async def merge(sha: str) -> int:
                return (await client.put(f"{PULLS}/1/merge", json={"sha": sha, "merge_method": "squash"})).status_code

            old = pull["head"]["sha"]
            assert await merge(old) == 405
            await graphql(client, "github", READY, id=pull["node_id"])
            new = await push_branch(path, "factory/DEMO-1-x", "cart.py", "TOTAL = 2\n", "factory/DEMO-1-x")
            assert await merge(old) == 409
            await push_branch(path, "main", "cart.py", "TOTAL = 3\n")
            assert await merge(new) == 405
            shown = (await client.get(f"{PULLS}/1")).json()
            assert (shown["mergeable"], shown["mergeable_state"]) == (False, "dirty")
            resolved = await push_branch(path, "factory/DEMO-1-x", "cart.py", "TOTAL = 4\n", "main")
            assert [await merge(resolved), await merge(resolved)] == [200, 405]
            assert await git(path, "show", "main:cart.py") == "TOTAL = 4"

    asyncio.run(run())


def test_the_ci_ends_as_planned() -> None:
    """Each new head is checked; a plan makes it fail or hang; nobody plans nothing and it is green."""

    async def run() -> None:
        async with sandbox_and_client() as (sandbox, client):
            sandbox.github.plan_checks("failure")
            sandbox.github.plan_checks(never=True)
            pull = await open_pull(sandbox, client)
            place = sandbox.github.repository("acme/shop")
            shas = [pull["head"]["sha"]]
            for text in ("A = 1\n", "A = 2\n"):
                sha = await push_branch(place.path, "factory/DEMO-1-x", "a.py", text, "factory/DEMO-1-x")
                await sandbox.github.refresh("acme/shop")
                await sandbox.webhooks.idle()
                shas.append(sha)
            seen = []
            for sha in shas:
                answer = (await client.get(f"/github/repos/acme/shop/commits/{sha}/check-runs")).json()
                seen.append([(run["status"], run["conclusion"]) for run in answer["check_runs"]])
            assert seen == [[("completed", "failure")], [("in_progress", None)], [("completed", "success")]]

    asyncio.run(run())


def test_auto_merge_waits_for_green() -> None:
    """Enabled while the checks run, merged when they end well; refused when it could be merged at once."""

    async def run() -> None:
        time = JumpingTime()
        async with sandbox_and_client(time=time) as (sandbox, client):
            time.go.clear()
            pull = await open_pull(sandbox, client)
            head = pull["head"]["sha"]
            await graphql(client, "github", AUTO_MERGE, id=pull["node_id"], head=head)
            assert not (await client.get(f"{PULLS}/1")).json()["merged"]
            time.go.set()
            await sandbox.webhooks.idle()
            shown = (await client.get(f"{PULLS}/1")).json()
            assert (shown["merged"], shown["state"]) == (True, "closed")
            second = {"head": "factory/DEMO-2-x", "base": "main", "title": "DEMO-2"}
            await push_branch(sandbox.github.repository("acme/shop").path, second["head"], "b.py", "B = 1\n")
            pull = (await client.post(PULLS, json=second)).json()
            await sandbox.webhooks.idle()
            variables = {"id": pull["node_id"], "head": pull["head"]["sha"]}
            late = (await client.post("/github/graphql", json={"query": AUTO_MERGE, "variables": variables})).json()
            assert "clean status" in late["errors"][0]["message"]

    asyncio.run(run())


def test_a_review_is_shown_and_told() -> None:
    """REST shouts the state, the webhook whispers it; the newest verdict decides."""

    async def run() -> None:
        receiver = Receiver()
        async with sandbox_and_client(receiver) as (sandbox, client):
            await open_pull(sandbox, client)
            sandbox.webhooks.subscribe("github", HOOK + "github", SECRET)
            sandbox.github.add_review("acme/shop", 1, "changes_requested", "Please test it.")
            sandbox.github.add_review("acme/shop", 1, "approved")
            await sandbox.webhooks.idle()
            listed = (await client.get(f"{PULLS}/1/reviews")).json()
            assert [review["state"] for review in listed] == ["CHANGES_REQUESTED", "APPROVED"]
            told = [json.loads(r.content) for r in receiver.got if r.headers["x-github-event"] == "pull_request_review"]
            assert [body["review"]["state"] for body in told] == ["changes_requested", "approved"]
            data = await graphql(client, "github", OF_BRANCH, owner="acme", name="shop", branch="factory/DEMO-1-x")
            assert data["repository"]["pullRequests"]["nodes"][0]["reviewDecision"] == "APPROVED"

    asyncio.run(run())


def test_each_step_of_a_pull_request_is_an_event() -> None:
    """Opened, checked, pushed, checked, merged: nothing is missing and the merge says by whom."""

    async def run() -> None:
        receiver = Receiver()
        async with sandbox_and_client(receiver) as (sandbox, client):
            sandbox.webhooks.subscribe("github", HOOK + "github", SECRET)
            await open_pull(sandbox, client)
            await sandbox.webhooks.idle()
            path = sandbox.github.repository("acme/shop").path
            await push_branch(path, "factory/DEMO-1-x", "a.py", "A = 1\n", "factory/DEMO-1-x")
            await sandbox.github.refresh("acme/shop")
            await sandbox.webhooks.idle()
            await sandbox.github.merge("acme/shop", 1, by="grace")
            await sandbox.webhooks.idle()
            told = [(r.headers["x-github-event"], json.loads(r.content)) for r in receiver.got]
            checked = ["check_run.created", "check_run.completed", "check_suite.completed"]
            assert [f"{event}.{body['action']}" for event, body in told] == [
                "pull_request.opened", *checked, "pull_request.synchronize", *checked, "pull_request.closed",
            ]  # fmt: skip
            last = told[-1][1]["pull_request"]
            assert (last["merged"], last["merged_by"]["login"]) == (True, "grace")

    asyncio.run(run())


def test_a_failed_delivery_is_listed_and_sent_again_under_its_guid() -> None:
    """GitHub never retries by itself; the listing goes on behind its cursor."""

    async def run() -> None:
        receiver = Receiver(500)
        async with sandbox_and_client(receiver) as (sandbox, client):
            sandbox.webhooks.subscribe("github", HOOK + "github", SECRET)
            await open_pull(sandbox, client)
            await sandbox.webhooks.idle()
            hook = "/github/repos/acme/shop/hooks/1/deliveries"
            first = await client.get(hook, params={"per_page": 3})
            rest = (await client.get(first.links["next"]["url"])).json()
            assert [row["status_code"] for row in [*first.json(), *rest]] == [200, 200, 200, 500]
            assert (await client.post(f"{hook}/{rest[-1]['id']}/attempts")).status_code == 202
            await sandbox.webhooks.idle()
            newest = (await client.get(hook)).json()[0]
            assert (newest["guid"], newest["status_code"], newest["redelivery"]) == (rest[-1]["guid"], 200, True)
            assert receiver.got[0].headers["x-github-delivery"] == receiver.got[-1].headers["x-github-delivery"]

    asyncio.run(run())
