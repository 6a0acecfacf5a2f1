"""Linear beyond one tidy workspace: two organisations, moves between teams, label groups, files, and other authors."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.sandbox.stand import Served, graphql, served

ISSUE = (
    "query I($id: String!) { issue(id: $id) { id identifier previousIdentifiers number branchName team { key }"
    " state { name type } labels { nodes { name isGroup parent { name } } } attachments { nodes { title url } } } }"
)
COMMENTS = (
    "query C($id: String!, $after: String) { issue(id: $id) { comments(first: 2, after: $after) { nodes { body"
    " user { name guest } externalUser { name } botActor { name type } } pageInfo { hasNextPage endCursor } } } }"
)


async def issue(stage: Served, id: str) -> Any:
    return (await graphql(stage.client, "linear", ISSUE, id=id))["issue"]


def test_two_workspaces_share_an_app_and_nothing_else() -> None:
    """The same key in both is two issues; each token finds its own only, and every event names its organisation."""

    async def run() -> None:
        async with served() as stage:
            made = await stage.command("workspaces", vendor="linear", name="globex", token="their-token")
            ours = await stage.command("linear/issues", title="Ours")
            theirs = await stage.command("linear/issues", title="Theirs", workspace="globex")
            assert (ours["key"], theirs["key"]) == ("DEMO-1", "DEMO-1")
            assert (await issue(stage, "DEMO-1"))["id"] == ours["id"]
            stage.client.headers["authorization"] = "their-token"
            assert (await issue(stage, "DEMO-1"))["id"] == theirs["id"]
            answer = await stage.client.post("/linear/graphql", json={"query": ISSUE, "variables": {"id": ours["id"]}})
            assert answer.json()["errors"][0]["message"] == "Entity not found: Issue"
            await stage.time.settle()
            first, second = stage.receiver.bodies("Issue")
            assert (first["organizationId"], second["organizationId"]) == (
                stage.sandbox.linear.organization["id"], made["organization"],
            )  # fmt: skip
            state = await stage.get("/_/state")
            titles = [part["issues"]["DEMO-1"]["title"] for part in (state["linear"], state["workspaces"]["globex"])]
            assert titles == ["Ours", "Theirs"]

    asyncio.run(run())


def test_one_app_has_one_client_and_a_user_in_each_workspace() -> None:
    """A session of the other workspace is told with its organisation, its own app user, and the same client."""

    async def run() -> None:
        async with served() as stage:
            await stage.command("workspaces", vendor="linear", name="globex", token="their-token")
            for place in ({}, {"workspace": "globex"}):
                await stage.command("linear/issues", title="x", delegate="factory", **place)
            await stage.time.settle()
            ours, theirs = stage.receiver.bodies("AgentSessionEvent")
            assert ours["oauthClientId"] == theirs["oauthClientId"]
            assert ours["appUserId"] != theirs["appUserId"] and ours["organizationId"] != theirs["organizationId"]

    asyncio.run(run())


def test_a_moved_issue_keeps_its_id_and_gets_another_key() -> None:
    """The update says where it was; comments and sessions know today's key and the id only."""

    async def run() -> None:
        async with served() as stage:
            await stage.command("linear/issues", title="Another")
            made = await stage.command("linear/issues", title="Cart", state="In Progress")
            moved = await stage.command("linear/moves", key="DEMO-2", team="2ENG")
            assert moved == {"id": made["id"], "key": "2ENG-1", "url": moved["url"]}
            for name in (made["id"], "2ENG-1", "DEMO-2"):
                shown = await issue(stage, name)
                assert (shown["identifier"], shown["previousIdentifiers"]) == ("2ENG-1", ["DEMO-2"])
            assert (shown["state"]["name"], shown["branchName"]) == ("In Progress", "2eng-1-cart")
            await stage.command("linear/comments", key="2ENG-1", body="Still wanted")
            await stage.command("linear/sessions", key="2ENG-1", user="Ada")
            await stage.time.settle()
            update = stage.receiver.bodies("Issue")[-1]
            demo = stage.sandbox.linear.team("DEMO")
            assert (update["updatedFrom"]["teamId"], update["updatedFrom"]["number"]) == (demo["id"], 2)
            (comment,), (session,) = stage.receiver.bodies("Comment"), stage.receiver.bodies("AgentSessionEvent")
            for part in (comment["data"]["issue"], session["agentSession"]["issue"]):
                assert (part["id"], part["identifier"]) == (made["id"], "2ENG-1") and "previousIdentifiers" not in part
            assert (await stage.command("linear/issues", title="Next"))["key"] == "DEMO-3"

    asyncio.run(run())


def test_a_team_may_have_states_of_its_own() -> None:
    """Names and types as the team has them; an issue that is moved there takes the state of its kind."""

    async def run() -> None:
        async with served() as stage:
            states = [["Icebox", "backlog"], ["To do", "unstarted"], ["Doing", "started"], ["Shipped", "completed"]]
            made = await stage.command("linear/teams", key="OPS", states=states)
            assert made["states"] == ["Icebox", "To do", "Doing", "Shipped"]
            await stage.command("linear/issues", title="Cart", state="In Review")
            await stage.command("linear/moves", key="DEMO-1", team="OPS")
            assert (await issue(stage, "OPS-1"))["state"] == {"name": "Doing", "type": "started"}
            changed = await stage.client.patch("/_/linear/issues/OPS-1", json={"state": "shipped"})
            assert changed.status_code == 200

    asyncio.run(run())


def test_a_label_in_a_group_has_its_groups_name_in_the_api_alone() -> None:
    """GraphQL gives the parent; the webhook only its id."""

    async def run() -> None:
        async with served() as stage:
            await stage.command("linear/labels", name="pair", group="exec")
            await stage.command("linear/issues", title="Cart", labels=["pair", "bug"])
            assert (await issue(stage, "DEMO-1"))["labels"]["nodes"] == [
                {"name": "pair", "isGroup": False, "parent": {"name": "exec"}},
                {"name": "bug", "isGroup": False, "parent": None},
            ]
            await stage.time.settle()
            (told,) = stage.receiver.bodies("Issue")
            group = stage.sandbox.linear.label("exec")
            assert [(one["name"], one["parentId"]) for one in told["data"]["labels"]] == [
                ("pair", group["id"]), ("bug", None),
            ]  # fmt: skip

    asyncio.run(run())


@pytest.mark.parametrize(
    ("by", "fields", "actor"),
    [
        ("user", {"user": {"name": "Eve", "guest": False}, "externalUser": None, "botActor": None}, "user"),
        ("guest", {"user": {"name": "Eve", "guest": True}, "externalUser": None, "botActor": None}, "user"),
        ("external", {"user": None, "externalUser": {"name": "Eve"}, "botActor": None}, "externalUser"),
        (
            "integration",
            {"user": None, "externalUser": None, "botActor": {"name": "Eve", "type": "eve"}},
            "integration",
        ),
        ("nobody", {"user": None, "externalUser": None, "botActor": None}, None),
    ],
)
def test_a_comment_has_an_author_of_some_kind(by: str, fields: dict[str, Any], actor: str | None) -> None:
    """A member, a guest, somebody without an account, an integration's bot, or nobody."""

    async def run() -> None:
        async with served() as stage:
            await stage.command("linear/issues", title="Cart")
            await stage.command("linear/comments", key="DEMO-1", body="Hello", user="Eve", by=by)
            found = (await graphql(stage.client, "linear", COMMENTS, id="DEMO-1"))["issue"]["comments"]["nodes"]
            assert found == [{"body": "Hello", **fields}]
            await stage.time.settle()
            (told,) = stage.receiver.bodies("Comment")
            assert (told["actor"] and told["actor"]["type"]) == actor
            assert bool(told["data"]["userId"]) is (actor == "user")
            assert bool(told["data"]["externalUserId"]) is (actor == "externalUser")

    asyncio.run(run())


def test_comments_have_pages() -> None:
    """The cursor leads through all of them."""

    async def run() -> None:
        async with served() as stage:
            await stage.command("linear/issues", title="Cart")
            for number in range(5):
                await stage.command("linear/comments", key="DEMO-1", body=str(number))
            found, after = [], None
            for _ in range(3):
                data = await graphql(stage.client, "linear", COMMENTS, id="DEMO-1", after=after)
                page = data["issue"]["comments"]
                found += [node["body"] for node in page["nodes"]]
                after = page["pageInfo"]["endCursor"]
            assert (found, page["pageInfo"]["hasNextPage"]) == (["0", "1", "2", "3", "4"], False)

    asyncio.run(run())


def test_files_stand_in_the_words_and_links_hang_on_the_issue() -> None:
    """An upload's address needs the credential of its own workspace; an attachment is an event of its own."""

    async def run() -> None:
        async with served() as stage:
            await stage.command("workspaces", vendor="linear", name="globex", token="their-token")
            await stage.command("linear/issues", title="Cart")
            await stage.command("linear/comments", key="DEMO-1", body="", files=["cart.png"])
            await stage.command("linear/attachments", key="DEMO-1", url="https://x.example/design", title="Design")
            body = stage.sandbox.state()["linear"]["issues"]["DEMO-1"]["comments"][0]["body"]
            url = body.removeprefix("![cart.png](").removesuffix(")")
            tokens = ("", "a-token", "their-token")
            answers = [(await stage.client.get(url, headers={"authorization": token})).status_code for token in tokens]
            assert answers == [401, 200, 404]
            nodes = (await issue(stage, "DEMO-1"))["attachments"]["nodes"]
            assert nodes == [{"title": "Design", "url": "https://x.example/design"}]
            await stage.time.settle()
            (told,) = stage.receiver.bodies("Attachment")
            assert told["data"]["issueId"] == stage.sandbox.linear.issue("DEMO-1")["id"]

    asyncio.run(run())
