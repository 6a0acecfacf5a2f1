"""Who speaks on a pull request, what they may do, and all the places where they speak."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.sandbox.stand import PULLS, Served, graphql, open_pull, push, served

REPO = "/github/repos/acme/shop"
ORDER = {"repository": "acme/shop", "number": 1}
THREADS = (
    'query T { repository(owner: "acme", name: "shop") { pullRequest(number: 1) { reviewThreads(first: 10) { nodes {'
    " isResolved isOutdated path line originalLine comments(first: 10) { nodes { body author { __typename login } } } }"
    " pageInfo { hasNextPage } } } } }"
)


async def permission(stage: Served, user: str) -> tuple[int, Any]:
    answer = await stage.client.get(f"{REPO}/collaborators/{user}/permission")
    shown = answer.json()
    return answer.status_code, (shown["permission"], shown["role_name"]) if answer.is_success else shown["message"]


@pytest.mark.parametrize(
    ("role", "legacy"),
    [
        ("admin", "admin"), ("maintain", "write"), ("write", "write"), ("triage", "read"), ("read", "read"),
        ("none", "none"),
    ],
)  # fmt: skip
def test_a_role_is_told_in_two_vocabularies(role: str, legacy: str) -> None:
    """`permission` has four words, `role_name` six."""

    async def run() -> None:
        async with served() as stage:
            await stage.command("github/people", repository="acme/shop", user="maya", role=role)
            assert await permission(stage, "maya") == (200, (legacy, role))

    asyncio.run(run())


def test_without_a_word_everybody_may_write_and_an_app_is_no_user() -> None:
    """The plain world's people are collaborators; 404 for an app, by its suffix or because it is one."""

    async def run() -> None:
        async with served() as stage:
            assert await permission(stage, "grace") == (200, ("write", "write"))
            assert await permission(stage, "dependabot[bot]") == (404, "dependabot[bot] is not a user")
            await stage.command("github/people", repository="acme/shop", user="Copilot", kind="Bot")
            assert await permission(stage, "Copilot") == (404, "Copilot is not a user")

    asyncio.run(run())


@pytest.mark.parametrize(
    ("account", "association"),
    [
        ({}, "COLLABORATOR"),
        ({"role": "write", "membership": "private", "committed": True}, "CONTRIBUTOR"),
        ({"role": "write", "membership": "private"}, "NONE"),
        ({"role": "read", "membership": "public"}, "MEMBER"),
        ({"role": "read"}, "COLLABORATOR"),
        ({"role": "none"}, "NONE"),
        ({"kind": "Bot"}, "NONE"),
    ],
)
def test_the_association_is_true_and_tells_nothing_of_permissions(account: dict[str, Any], association: str) -> None:
    """A private member who may write looks like a stranger, a member who may only read like one of us."""

    async def run() -> None:
        async with served() as stage:
            await stage.command("github/people", repository="acme/shop", user="maya", **account)
            await open_pull(stage)
            await stage.command("github/reviews", **ORDER, state="approved", user="maya")
            await stage.command("github/comments", **ORDER, body="Hello", user="maya")
            (review,) = await stage.get(f"{PULLS}/1/reviews")
            (comment,) = await stage.get(f"{REPO}/issues/1/comments")
            assert (review["author_association"], comment["author_association"]) == (association, association)
            assert review["user"]["type"] == account.get("kind", "User")

    asyncio.run(run())


def test_a_review_may_say_all_in_its_inline_comments() -> None:
    """The body is empty; file, line and words stand in the comments, by REST and in an event each."""

    async def run() -> None:
        async with served() as stage:
            pull = await open_pull(stage)
            comments = [{"path": "cart.py", "line": 2, "body": "Not 0"}, {"path": "cart.py", "line": 1, "body": "Type"}]
            made = await stage.command("github/reviews", **ORDER, state="changes_requested", comments=comments)
            listed = await stage.get(f"{PULLS}/1/comments")
            assert [(one["path"], one["line"], one["body"]) for one in listed] == [
                ("cart.py", 2, "Not 0"), ("cart.py", 1, "Type"),
            ]  # fmt: skip
            assert {one["pull_request_review_id"] for one in listed} == {made["id"]}
            assert {one["original_commit_id"] for one in listed} == {pull["head"]["sha"]}
            (review,) = await stage.get(f"{PULLS}/1/reviews")
            assert (review["state"], review["body"]) == ("CHANGES_REQUESTED", "")
            of_review = await stage.get(f"{PULLS}/1/reviews/{made['id']}/comments")
            assert [one["body"] for one in of_review] == ["Not 0", "Type"] and "line" not in of_review[0]
            await stage.time.settle()
            told = stage.receiver.bodies("pull_request_review", "pull_request_review_comment")
            assert [body["action"] for body in told] == ["submitted", "created", "created"]
            assert told[1]["comment"]["line"] == 2

    asyncio.run(run())


def test_a_comment_is_outdated_when_its_file_has_changed() -> None:
    """The line is null then and the original one stays; a comment on another file is as it was."""

    async def run() -> None:
        async with served() as stage:
            await open_pull(stage)
            comments = [
                {"path": "cart.py", "line": 2, "body": "Not 0"}, {"path": "README.md", "line": 1, "body": "Say so"},
            ]  # fmt: skip
            await stage.command("github/reviews", **ORDER, state="commented", comments=comments)
            head = await push(stage, "def total(prices):\n    return sum(prices)\n")
            cart, readme = await stage.get(f"{PULLS}/1/comments")
            assert (cart["line"], cart["original_line"], cart["position"]) == (None, 2, None)
            assert (readme["line"], readme["commit_id"]) == (1, head)

    asyncio.run(run())


def test_conversations_have_replies_and_an_end() -> None:
    """A reply names the comment it answers; GraphQL shows threads, resolved and outdated ones marked."""

    async def run() -> None:
        async with served() as stage:
            await open_pull(stage)
            comments = [{"path": "cart.py", "line": 2, "body": "Not 0"}]
            await stage.command("github/reviews", **ORDER, state="commented", comments=comments)
            (first,) = await stage.get(f"{PULLS}/1/comments")
            await stage.command("github/replies", **ORDER, comment=first["id"], body="Why not?", user="linus")
            await stage.command("github/resolutions", **ORDER, comment=first["id"])
            listed = await stage.get(f"{PULLS}/1/comments")
            assert listed[1]["in_reply_to_id"] == first["id"] and "in_reply_to_id" not in listed[0]
            threads = (await graphql(stage.client, "github", THREADS))["repository"]["pullRequest"]["reviewThreads"]
            (thread,) = threads["nodes"]
            assert (thread["isResolved"], thread["isOutdated"], thread["line"]) == (True, False, 2)
            said = [(one["author"]["login"], one["body"]) for one in thread["comments"]["nodes"]]
            assert said == [("grace", "Not 0"), ("linus", "Why not?")]

    asyncio.run(run())


@pytest.mark.parametrize("path", [f"{PULLS}/1/comments", f"{PULLS}/1/reviews", f"{REPO}/issues/1/comments", PULLS])
def test_every_list_has_pages(path: str) -> None:
    """Thirty rows unless asked, a hundred at the most; the links lead through all of them."""

    async def run() -> None:
        async with served() as stage:
            await open_pull(stage)
            for number in range(1, 5):
                await open_pull(stage, f"factory/DEMO-{number + 1}-x", f"{number}.py")
                comments = [{"path": "cart.py", "line": 1, "body": str(number)}]
                await stage.command("github/reviews", **ORDER, state="commented", comments=comments)
                await stage.command("github/comments", **ORDER, body=str(number))
            rows, url = [], f"{path}?per_page=2"
            while url:
                page = await stage.client.get(url)
                rows += page.json()
                url = page.links.get("next", {}).get("url", "")
            assert [row["id"] for row in rows] == [row["id"] for row in await stage.get(path)]
            assert len(rows) == (5 if path == PULLS else 4)

    asyncio.run(run())


def test_a_planned_review_comes_with_its_inline_comments() -> None:
    """Somebody looks at the next head, a while after it was pushed."""

    async def run() -> None:
        async with served() as stage:
            comments = [{"path": "cart.py", "line": 2, "body": "Not 0"}]
            await stage.command("github/reviewer", state="changes_requested", comments=comments)
            await open_pull(stage)
            assert await stage.get(f"{PULLS}/1/comments") == []
            await stage.time.advance(25)
            assert [one["body"] for one in await stage.get(f"{PULLS}/1/comments")] == ["Not 0"]

    asyncio.run(run())
