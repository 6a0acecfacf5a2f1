"""Names that change, organisations that share an app, Enterprise Server's paths, and two API versions."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pytest

from factory_sandbox.github.git import ENVIRONMENT, git
from factory_sandbox.github.git import run as run_process
from tests.sandbox.stand import PULLS, graphql, open_pull, served

SHOP = '{ repository(owner: "acme", name: "shop") { databaseId nameWithOwner } }'


def test_a_renamed_repository_keeps_its_id_and_its_former_name_leads_to_it() -> None:
    """301 for reading, 307 for the rest, to the address by id, which is served; the event names the former name."""

    async def run() -> None:
        async with served() as stage:
            pull = await open_pull(stage)
            await stage.command("github/renames", repository="acme/shop", name="store")
            old = await stage.client.get(f"{PULLS}?state=all&per_page=5")
            assert (old.status_code, old.json()["message"]) == (301, "Moved Permanently")
            assert old.headers["location"].endswith("/github/repositories/1/pulls?state=all&per_page=5")
            (found,) = (await stage.client.get(old.headers["location"])).json()
            assert (found["id"], found["base"]["repo"]["full_name"]) == (pull["id"], "acme/store")
            put = await stage.client.put(f"{PULLS}/1/merge", json={})
            assert put.status_code == 307
            assert (await stage.client.put(put.headers["location"], json={})).json()["merged"] is True
            assert (await stage.get("/github/repositories/1"))["full_name"] == "acme/store"
            assert (await graphql(stage.client, "github", SHOP))["repository"]["nameWithOwner"] == "acme/store"
            (told,) = stage.receiver.bodies("repository")
            assert (told["action"], told["changes"]) == ("renamed", {"repository": {"name": {"from": "shop"}}})
            assert (told["repository"]["id"], told["repository"]["full_name"]) == (1, "acme/store")

    asyncio.run(run())


def test_git_follows_a_renamed_repository(tmp_path: Path) -> None:
    """A clone by the former name works, and so does a push from it."""

    async def run() -> None:
        async with served() as stage:
            await stage.command("github/renames", repository="acme/shop", name="store")
            pair = base64.b64encode(b"x-access-token:a-token").decode()
            environment = {
                **ENVIRONMENT, "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.extraHeader",
                "GIT_CONFIG_VALUE_0": f"Authorization: Basic {pair}", "GIT_TERMINAL_PROMPT": "0",
            }  # fmt: skip
            url = f"{stage.sandbox.address}/git/acme/shop.git"
            code, _, err = await run_process(["git", "clone", "-q", url, str(tmp_path / "shop")], environment)
            assert code == 0, err
            push = ["git", "-C", str(tmp_path / "shop"), "push", "-q", "origin", "HEAD:refs/heads/other"]
            code, _, err = await run_process(push, environment)
            assert code == 0, err
            assert "other" in (await git(stage.sandbox.github.repository("acme/store").path, "branch", "--list"))

    asyncio.run(run())


def test_a_former_name_that_is_taken_again_leads_to_the_new_repository() -> None:
    """The redirect ends; the two have different ids."""

    async def run() -> None:
        async with served() as stage:
            await stage.command("github/renames", repository="acme/shop", name="store")
            await stage.command("github/repositories", name="acme/shop")
            assert [(await stage.get(f"/github/repos/acme/{name}"))["id"] for name in ("store", "shop")] == [1, 2]
            assert (await stage.get("/github/repos/ACME/Shop"))["full_name"] == "acme/shop"

    asyncio.run(run())


def test_a_transfer_and_a_renamed_organisation_tell_what_was() -> None:
    """The transfer names the former owner; the organisation's event names no repository at all."""

    async def run() -> None:
        async with served() as stage:
            await stage.command("github/transfers", repository="acme/shop", owner="globex")
            await stage.command("github/organizations", organization="globex", login="initech")
            assert (await stage.get("/github/repositories/1"))["full_name"] == "initech/shop"
            for old in ("acme/shop", "globex/shop"):
                assert (await stage.client.get(f"/github/repos/{old}")).status_code == 301
            (moved,), (renamed,) = stage.receiver.bodies("repository"), stage.receiver.bodies("organization")
            assert (moved["action"], moved["changes"]["owner"]["from"]["organization"]["login"]) == (
                "transferred", "acme",
            )  # fmt: skip
            assert (renamed["action"], renamed["changes"]) == ("renamed", {"login": {"from": "globex"}})
            assert "repository" not in renamed
            assert renamed["organization"] == {
                **renamed["organization"],
                "login": "initech",
                "id": moved["organization"]["id"],
            }

    asyncio.run(run())


def test_a_renamed_base_is_invalid_for_new_pull_requests() -> None:
    """422 names the field; open ones follow, and say so."""

    async def run() -> None:
        async with served() as stage:
            await open_pull(stage)
            await stage.command("github/branches", repository="acme/shop", branch="main", name="trunk")
            order = {"head": "factory/DEMO-1-x", "base": "main", "title": "x"}
            answer = await stage.client.post(PULLS, json=order)
            assert (answer.status_code, answer.json()["errors"]) == (
                422, [{"resource": "PullRequest", "field": "base", "code": "invalid"}],
            )  # fmt: skip
            assert (await stage.get(f"{PULLS}/1"))["base"]["ref"] == "trunk"
            edited = next(b for b in stage.receiver.bodies("pull_request") if b["action"] == "edited")
            assert edited["changes"]["base"]["ref"] == {"from": "main"}
            (told,) = stage.receiver.bodies("repository")
            assert told["changes"] == {"default_branch": {"from": "main"}}
            assert told["repository"]["default_branch"] == "trunk"

    asyncio.run(run())


def test_one_secret_signs_for_every_organisation() -> None:
    """A pull request elsewhere is told to the same address, under another repository and organisation."""

    async def run() -> None:
        async with served() as stage:
            await stage.command("github/repositories", name="globex/shop")
            path = stage.sandbox.github.repository("globex/shop").path
            await git(path, "branch", "factory/DEMO-1-x", "main")
            await open_pull(stage)
            commit = await git(path, "commit-tree", "main^{tree}", "-p", "main", "-m", "x")
            await git(path, "update-ref", "refs/heads/factory/DEMO-1-x", commit)
            order = {"head": "factory/DEMO-1-x", "base": "main", "title": "DEMO-1: x"}
            made = await stage.client.post("/github/repos/globex/shop/pulls", json=order)
            assert made.status_code == 201, made.text
            await stage.time.settle()
            ours, theirs = stage.receiver.bodies("pull_request")
            assert [body["repository"]["full_name"] for body in (ours, theirs)] == ["acme/shop", "globex/shop"]
            assert len({body["organization"]["id"] for body in (ours, theirs)}) == 2
            assert ours["pull_request"]["head"]["ref"] == theirs["pull_request"]["head"]["ref"]

    asyncio.run(run())


def test_enterprise_server_has_the_same_api_at_its_own_paths() -> None:
    """REST below /api/v3, GraphQL at /api/graphql and not below /api/v3; a redirect stays there."""

    async def run() -> None:
        async with served() as stage:
            pull = await open_pull(stage)
            shown = await stage.get("/github/api/v3/repos/acme/shop/pulls/1")
            assert shown["id"] == pull["id"]
            query = {"query": "{ viewer { login } }"}
            right = await stage.client.post("/github/api/graphql", json=query)
            wrong = await stage.client.post("/github/api/v3/graphql", json=query)
            assert (right.json()["data"]["viewer"]["login"], wrong.status_code) == ("factory-bot", 404)
            assert wrong.json()["message"] == "Not Found"
            await stage.command("github/renames", repository="acme/shop", name="store")
            moved = await stage.client.get("/github/api/v3/repos/acme/shop")
            assert moved.headers["location"].endswith("/github/api/v3/repositories/1")

    asyncio.run(run())


@pytest.mark.parametrize(("version", "told"), [("2022-11-28", True), ("2026-03-10", False)])
def test_the_newer_version_says_less(version: str, told: bool) -> None:
    """Neither the merge commit nor the single assignee stands in it; the answer names the version."""

    async def run() -> None:
        async with served() as stage:
            await open_pull(stage)
            await stage.client.put(f"{PULLS}/1/merge", json={})
            for path in (f"{PULLS}/1", f"{PULLS}?state=all"):
                answer = await stage.client.get(path, headers={"x-github-api-version": version})
                shown = answer.json()[0] if "?" in path else answer.json()
                assert answer.headers["x-github-api-version-selected"] == version
                assert [name in shown for name in ("merge_commit_sha", "assignee")] == [told, told]
                assert ("has_downloads" in shown["base"]["repo"]) is told
            unknown = await stage.client.get(PULLS, headers={"x-github-api-version": "2020-01-01"})
            assert unknown.status_code == 400
            query = '{ repository(owner: "acme", name: "shop") { pullRequest(number: 1) { mergeCommit { oid } } } }'
            node = (await graphql(stage.client, "github", query))["repository"]["pullRequest"]
            assert len(node["mergeCommit"]["oid"]) == 40

    asyncio.run(run())
