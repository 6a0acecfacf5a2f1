"""The imitated Linear: the operations that real clients send, its refusals, and what it tells about changes."""

from __future__ import annotations

import asyncio
import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLSchema, build_schema, parse, validate

from factory_sandbox.github import graphql as github_graphql
from factory_sandbox.linear import api as linear_api
from tests.sandbox.stand import HOOK, SECRET, Receiver, graphql, sandbox_and_client

REPOSITORY = Path(__file__).parents[2]
COMMENT = "mutation C($input: CommentCreateInput!) { commentCreate(input: $input) { success comment { id url } } }"
ISSUE = "query I($id: String!) { issue(id: $id) { id identifier state { id name } labels { nodes { name } } } }"
SET_STATE = (
    "mutation S($id: String!, $stateId: String!) { issueUpdate(id: $id, input: { stateId: $stateId })"
    " { success lastSyncId issue { id updatedAt state { id name type } } } }"
)
STATES = (
    "query W($teamKey: String!) { workflowStates(filter: { team: { key: { eq: $teamKey } } }, first: 100)"
    " { nodes { id name type position team { id key } } } }"
)
OPERATIONS = (
    "mutation A($session: String!, $uuid: String!) { agentActivityCreate(input: { id: $uuid, agentSessionId: $session,"
    ' content: { type: "thought", body: "Looking" } }) { success agentActivity { id createdAt } } }',
    "mutation A($issue: String!) { agentSessionCreateOnIssue(input: { issueId: $issue })"
    " { success agentSession { id url status } } }",
    'mutation U($session: String!) { agentSessionUpdate(id: $session, input: { addedExternalUrls: [{ label: "PR",'
    ' url: "http://x/1" }] }) { success agentSession { id status } } }',
    'mutation L($issue: String!) { attachmentLinkGitHubPR(issueId: $issue, url: "http://x/pull/1")'
    " { success attachment { id } } }",
    'mutation C($issue: String!) { commentCreate(input: { issueId: $issue, body: "Hello" })'
    " { success comment { id url createdAt } } }",
    'query B { issueVcsBranchSearch(branchName: "factory/DEMO-1-x") { id identifier state { id name type } } }',
    "query I($issue: String!) { issue(id: $issue) { id identifier title description url branchName priority updatedAt"
    " state { id name type } team { id key } project { id name } labels(first: 50) { nodes { id name } }"
    " assignee { id } delegate { id app } attachments(first: 20) { nodes { id url title sourceType } } } }",
    "mutation D($issue: String!, $user: String) { issueUpdate(id: $issue, input: { delegateId: $user })"
    " { success issue { id delegate { id } } } }",
    "query C($filter: IssueFilter!, $after: String, $first: Int = 50) { issues(filter: $filter, after: $after,"
    " first: $first, orderBy: updatedAt) { nodes { id identifier updatedAt state { id name type } delegate { id } }"
    " pageInfo { hasNextPage endCursor } } }",
    "query R { rateLimitStatus { identifier kind limits { type requestedAmount allowedAmount period remainingAmount"
    " reset } } }",
    "query V { viewer { id name app active organization { id urlKey name } } }",
    "query H { webhooks(first: 50) { nodes { id url enabled label resourceTypes allPublicTeams team { key } } } }",
    "mutation H($hook: String!) { webhookUpdate(id: $hook, input: { enabled: true })"
    " { success webhook { id enabled } } }",
    "mutation H($hook: String!) { webhookRotateSecret(id: $hook) { success secret } }",
    STATES.replace("$teamKey: String!", "").replace("query W()", "query W").replace("$teamKey", '"DEMO"'),
)


def test_every_operation_of_a_tracker_client_is_executed() -> None:
    """Reading, moving, commenting, delegating, agent sessions, attachments and webhooks all work."""

    async def run() -> None:
        async with sandbox_and_client() as (sandbox, client):
            made = sandbox.linear.create_issue("Add a total", "Words", ("bug",), "Shop", "Ready for Agent")
            session = sandbox.linear.open_session(sandbox.linear.issue("DEMO-1"), sandbox.linear.person("Ada"))
            hook = await graphql(
                client, "linear",
                "mutation W($input: WebhookCreateInput!) { webhookCreate(input: $input)"
                " { success webhook { id enabled secret resourceTypes } } }",
                input={"url": HOOK + "linear", "resourceTypes": ["Issue"]},
            )  # fmt: skip
            known: dict[str, Any] = {
                "issue": made["key"], "session": session["id"], "uuid": str(uuid.uuid4()),
                "user": sandbox.linear.viewer["id"], "hook": hook["webhookCreate"]["webhook"]["id"],
                "filter": {"team": {"key": {"eq": "DEMO"}}, "updatedAt": {"gt": "2026-01-01T00:00:00Z"}},
            }  # fmt: skip
            for text in OPERATIONS:
                data = await graphql(client, "linear", text, **known)
                assert next(iter(data.values())) is not None
            issue = sandbox.state()["linear"]["issues"]["DEMO-1"]
            assert issue["attachments"] == ["http://x/pull/1"]
            assert (issue["delegate"], [comment["body"] for comment in issue["comments"]]) == ("factory", ["Hello"])

    asyncio.run(run())


def test_an_issue_is_found_by_key_and_by_id() -> None:
    """Both names give the same issue; a third gives Linear's error and no data."""

    async def run() -> None:
        async with sandbox_and_client() as (sandbox, client):
            made = sandbox.linear.create_issue("Add a total", labels=("bug", "exec:quick"))
            by_key = await graphql(client, "linear", ISSUE, id=made["key"])
            assert by_key == await graphql(client, "linear", ISSUE, id=made["id"])
            assert [label["name"] for label in by_key["issue"]["labels"]["nodes"]] == ["bug", "exec:quick"]
            answer = await client.post("/linear/graphql", json={"query": ISSUE, "variables": {"id": "DEMO-9"}})
            error = answer.json()["errors"][0]
            assert (answer.status_code, error["message"]) == (200, "Entity not found: Issue")
            assert error["extensions"]["code"] == "INPUT_ERROR"

    asyncio.run(run())


def test_a_state_is_set_by_id_and_its_history_kept() -> None:
    """States are looked up per team; a move to where it stands is no change."""

    async def run() -> None:
        async with sandbox_and_client() as (sandbox, client):
            sandbox.linear.create_issue("Add a total")
            nodes = (await graphql(client, "linear", STATES, teamKey="DEMO"))["workflowStates"]["nodes"]
            names = [node["name"] for node in nodes]
            assert names == ["Backlog", "Ready for Agent", "In Progress", "In Review", "Done", "Canceled"]
            done = next(node["id"] for node in nodes if node["name"] == "Done")
            for _ in range(2):
                moved = await graphql(client, "linear", SET_STATE, id="DEMO-1", stateId=done)
                assert moved["issueUpdate"]["issue"]["state"]["type"] == "completed"
            assert sandbox.state()["linear"]["issues"]["DEMO-1"]["states"] == ["Backlog", "Done"]

    asyncio.run(run())


def test_an_id_of_our_own_is_taken_once() -> None:
    """The second comment under the same id is an error, and there is one comment."""

    async def run() -> None:
        async with sandbox_and_client() as (sandbox, client):
            sandbox.linear.create_issue("Add a total")
            given = {"id": str(uuid.uuid4()), "issueId": "DEMO-1", "body": "Hello"}
            await graphql(client, "linear", COMMENT, input=given)
            again = await client.post("/linear/graphql", json={"query": COMMENT, "variables": {"input": given}})
            assert "already exists" in again.json()["errors"][0]["message"]
            assert len(sandbox.state()["linear"]["issues"]["DEMO-1"]["comments"]) == 1

    asyncio.run(run())


def test_changes_since_come_newest_first_and_in_pages() -> None:
    """A filter by time and state, and a cursor that goes on where the page ended."""

    async def run() -> None:
        async with sandbox_and_client() as (sandbox, client):
            for number in range(3):
                sandbox.linear.create_issue(f"Issue {number}")
            sandbox.linear.change_issue("DEMO-2", state="Ready for Agent")
            query = next(text for text in OPERATIONS if text.startswith("query C"))
            ready = await graphql(
                client, "linear", query, filter={"state": {"name": {"eqIgnoreCase": "ready for agent"}}}
            )
            assert [node["identifier"] for node in ready["issues"]["nodes"]] == ["DEMO-2"]
            page = (await graphql(client, "linear", query, filter={}, first=2))["issues"]
            assert page["nodes"][0]["identifier"] == "DEMO-2"
            rest = await graphql(client, "linear", query, filter={}, after=page["pageInfo"]["endCursor"])
            assert (len(rest["issues"]["nodes"]), page["pageInfo"]["hasNextPage"]) == (1, True)

    asyncio.run(run())


def test_no_token_or_a_wrong_one_is_an_authentication_error() -> None:
    """401 with Linear's own code; a personal key stands bare in the header."""

    async def run() -> None:
        async with sandbox_and_client() as (sandbox, client):
            query = {"query": "{ viewer { id } }"}
            refused = await client.post("/linear/graphql", json=query, headers={"authorization": ""})
            assert refused.json()["errors"][0]["extensions"]["code"] == "AUTHENTICATION_ERROR"
            sandbox.set_token("linear", "lin_api_right")
            answers = [
                (await client.post("/linear/graphql", json=query, headers={"authorization": header})).status_code
                for header in ("Bearer lin_api_wrong", "lin_api_right", "Bearer lin_api_right")
            ]
            assert [refused.status_code, *answers] == [401, 401, 200, 200]

    asyncio.run(run())


def test_a_change_says_what_was_there_before_and_who_did_it() -> None:
    """The app's own write names its OAuth client, a person's the person."""

    async def run() -> None:
        receiver = Receiver()
        async with sandbox_and_client(receiver) as (sandbox, client):
            sandbox.webhooks.subscribe("linear", HOOK + "linear", SECRET)
            sandbox.linear.create_issue("Add a total")
            backlog = sandbox.linear.issue("DEMO-1")["state"]["id"]
            sandbox.linear.change_issue("DEMO-1", state="Ready for Agent")
            done = sandbox.linear.state_named(sandbox.linear.team("DEMO"), "Done")["id"]
            await graphql(client, "linear", SET_STATE, id="DEMO-1", stateId=done)
            await sandbox.webhooks.idle()
            bodies = [json.loads(request.content) for request in receiver.got]
            assert [body["action"] for body in bodies] == ["create", "update", "update"]
            assert bodies[1]["updatedFrom"]["stateId"] == backlog
            assert [body["actor"]["type"] for body in bodies] == ["user", "user", "oauthClient"]
            moments = [body["data"]["updatedAt"] for body in bodies]
            assert moments == sorted(set(moments))

    asyncio.run(run())


def test_delegating_to_the_agent_opens_a_session_and_stop_reaches_it() -> None:
    """Linear tells the agent of the session, and of what a person says in it."""

    async def run() -> None:
        receiver = Receiver()
        async with sandbox_and_client(receiver) as (sandbox, _):
            sandbox.webhooks.subscribe("linear", HOOK + "linear", SECRET)
            sandbox.linear.create_issue("Add a total", delegate="factory")
            session = sandbox.state()["linear"]["sessions"][0]
            sandbox.linear.prompt(session["id"], "stop", "stop")
            await sandbox.webhooks.idle()
            bodies = [json.loads(r.content) for r in receiver.got if r.headers["linear-event"] == "AgentSessionEvent"]
            assert [body["action"] for body in bodies] == ["created", "prompted"]
            assert bodies[1]["agentActivity"]["signal"] == "stop"
            assert bodies[0]["agentSession"]["issue"]["identifier"] == "DEMO-1"

    asyncio.run(run())


def _documents() -> list[Path]:
    return sorted((REPOSITORY / "adapters" / "providers").glob("*/operations/*.graphql"))


@pytest.mark.parametrize("document", _documents(), ids=lambda path: f"{path.parts[-3]}/{path.stem}")
def test_what_the_factory_sends_is_understood(document: Path) -> None:
    """Every stored operation fits the sandbox's schema of its vendor."""
    schema = {"linear": linear_api.schema, "github": github_graphql.schema}[document.parts[-3]]()
    assert validate(schema, parse(document.read_text())) == []


@pytest.mark.parametrize("vendor", ["linear", "github"])
def test_the_schema_is_a_part_of_the_real_one(vendor: str, schemas: Path) -> None:
    """Every type, field, argument and value exists in the vendor's schema, with the same type."""
    full = schemas / vendor / "schema.graphql"
    if not full.exists():
        pytest.skip("schema not present")
    ours = {"linear": linear_api.schema, "github": github_graphql.schema}[vendor]()
    assert _strange(ours, build_schema(full.read_text("utf-8"), assume_valid=True)) == []


def _strange(ours: GraphQLSchema, real: GraphQLSchema) -> list[str]:
    """What we have and they do not, or not so; and what they demand and we do not."""
    found = []
    for name, kind in ours.type_map.items():
        if name.startswith("__"):
            continue
        theirs = real.type_map.get(name)
        if type(theirs) is not type(kind):
            found.append(name)
            continue
        for field, described in getattr(kind, "fields", {}).items():
            true = getattr(theirs, "fields", {}).get(field)
            if true is None or str(true.type) != str(described.type):
                found.append(f"{name}.{field}")
                continue
            arguments = getattr(described, "args", {})
            found += [f"{name}.{field}({a})" for a, v in arguments.items() if str(true.args[a].type) != str(v.type)]
            found += [
                f"{name}.{field} lacks {a}"
                for a, v in getattr(true, "args", {}).items()
                if str(v.type).endswith("!") and a not in arguments
            ]
        found += [f"{name}.{value}" for value in getattr(kind, "values", {}) if value not in theirs.values]  # type: ignore[union-attr]
    return found
