"""Linear's API through the real client over a small Linear in memory: states of that Linear are compared."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx2
import pytest

from adapters.providers import http_call
from adapters.providers.linear import connection
from adapters.providers.linear.clarification import LinearClarificationChannel
from adapters.providers.linear.client import LinearClient
from adapters.providers.linear.items import LinearWorkItemProvider
from adapters.providers.linear.settings import LinearSettings
from adapters.registry import config_model
from factory_core.config import FactoryConfig
from factory_core.connections import ConnectionStatus, ProviderConnection
from factory_core.dispatch.activity import Activity
from factory_core.errors import ConnectionLost, Problem, Retryable, Terminal
from factory_core.ports import Thread
from factory_core.text.foreign_text import for_chat
from factory_core.work_item import ItemState, Source, WorkItem

pytestmark = pytest.mark.pure

T = TypeVar("T")
TOKEN = "lin_oauth_a-secret-nobody-sees"
NOW = datetime(2026, 1, 4, 10, 0, tzinfo=UTC)
UUID = "28b8ecd1-008e-4aa3-8f5c-6cc6f4de3a18"
KEY = "GENT-774:19b89a:3"
CONFIG = config_model()(intent_provider="linear", clarification_channel="linear", output_target="github")

ISSUE: dict[str, Any] = {
    "id": UUID, "identifier": "GENT-774", "previousIdentifiers": ["OLD-7"], "title": "a test issue",
    "description": None, "url": "https://linear.app/acme/issue/GENT-774", "branchName": "gent-774", "priority": 2,
    "trashed": None, "updatedAt": "2026-01-04T10:00:00.000Z",
    "state": {"id": "s-ready", "name": "Ready for Agent", "type": "unstarted"},
    "team": {"id": "t", "key": "GENT"}, "project": None, "labels": {"nodes": [{"id": "l", "name": "exec:quick"}]},
    "creator": {"id": "u", "name": "User One", "email": "user@example.com"}, "delegate": None,
}  # fmt: skip
ITEM = WorkItem(
    id=f"linear:{UUID}", key="GENT-774", former_keys=("OLD-7",), title="a test issue", state=ItemState.READY,
    labels=("exec:quick",), priority=2,
    reporter="User One", reporter_id="u", source=Source(provider="linear", external_id=UUID, url="https://linear.app/acme/issue/GENT-774"),
    updated_at=NOW,
    metadata={
        "team": "GENT", "state": "Ready for Agent", "state_id": "s-ready", "branch": "gent-774",
        "creator_email": "user@example.com",
    },
)  # fmt: skip


def errors(message: str, code: str = "INPUT_ERROR", shown: str | None = None, status: int = 200) -> httpx2.Response:
    extensions = {"code": code, "userPresentableMessage": shown}
    return httpx2.Response(status, json={"errors": [{"message": message, "extensions": extensions}], "data": None})


def state(state_id: str, name: str, kind: str, position: float = 0) -> dict[str, Any]:
    return {"id": state_id, "name": name, "type": kind, "position": position}


class SmallLinear:
    """One issue, its comments and sessions. `faults` are answers given before acting, `lost` drops after acting."""

    def __init__(self) -> None:
        self.issue: dict[str, Any] = dict(ISSUE)
        self.made: dict[str, dict[str, Any]] = {}  # comments and activities, by their id
        self.sessions: list[str] = []
        self.attachments: set[str] = set()
        self.states = [state("s-ready", "Ready for Agent", "unstarted"), state("s-doing", "in progress", "started")]
        self.users: list[dict[str, Any]] = []
        self.shown: dict[str, Any] = {}  # plan and links of sessions
        self.asked: list[str] = []
        self.seen: list[httpx2.Request] = []
        self.faults: list[httpx2.Response | Exception] = []
        self.lost = 0

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append(request)
        if self.faults:
            fault = self.faults.pop(0)
            if isinstance(fault, Exception):
                raise fault
            return fault
        body = json.loads(request.content)
        self.asked.append(body["operationName"])
        answer = self.act(body["operationName"], body["variables"])
        if self.lost:
            self.lost -= 1
            raise httpx2.ReadTimeout("the answer never came")
        return answer if isinstance(answer, httpx2.Response) else httpx2.Response(200, json={"data": answer})

    def act(self, operation: str, given: dict[str, Any]) -> dict[str, Any] | httpx2.Response:
        match operation:
            case "Issue":
                known = given["id"] in (UUID, "GENT-774", "OLD-7")
                missing = errors("Entity not found: Issue", shown="Could not find referenced Issue.")
                return {"issue": self.issue} if known else missing
            case "WorkflowStates":
                return {"workflowStates": {"nodes": self.states}}
            case "AgentSessions":
                return {"agentSessions": {"nodes": []}}
            case "Users":
                return {"users": {"nodes": self.users}}
            case "AgentSessionUpdate":
                self.shown[given["id"]] = given["input"]
                return {"agentSessionUpdate": {"success": True}}
            case "IssueSetState":
                self.issue["state"] = {"id": given["stateId"], "name": "?", "type": "started"}
                return {"issueUpdate": {"success": True, "issue": self.issue}}
            case "IssueSetDelegate":
                self.issue["delegate"] = {"id": given["delegateId"]}
                return {"issueUpdate": {"success": True}}
            case "AttachmentLinkGitHubPR":
                self.attachments.add(given["url"])
                return {"attachmentLinkGitHubPR": {"success": True}}
            case "CommentCreate" | "AgentActivityCreate":
                return self.make("Comment" if operation == "CommentCreate" else "AgentActivity", given["input"])
            case "AgentSessionCreateOnIssue":
                assert given["input"] == {"issueId": UUID}
                self.sessions.append(f"session-{len(self.sessions) + 1}")
                return {"agentSessionCreateOnIssue": {"success": True, "agentSession": self.session(self.sessions[-1])}}
            case "AgentActivity":
                found = self.made.get(given["id"])
                missing = errors("Entity not found: AgentActivity")
                return {"agentActivity": {"agentSession": self.session(found["agentSessionId"])}} if found else missing
            case "Viewer":
                return {"viewer": {"id": "me", "name": "Factory", "organization": {"name": "Acme"}}}
        raise AssertionError(operation)

    def make(self, kind: str, given: dict[str, Any]) -> dict[str, Any] | httpx2.Response:
        if given["id"] in self.made:
            return errors(
                f"conflict on insert of {kind}",
                shown=f"Entity {kind} with id {given['id']} already exists.",
                status=400,
            )
        assert uuid.UUID(given["id"]).version == 4
        self.made[given["id"]] = {name: value for name, value in given.items() if name != "id"}
        return {f"{kind[0].lower()}{kind[1:]}Create": {"success": True}}

    def session(self, session_id: str) -> dict[str, str]:
        return {"id": session_id, "url": f"https://linear.app/acme/session/{session_id}"}


def with_client(linear: SmallLinear, use: Callable[[LinearClient], Awaitable[T]], token: str = TOKEN) -> T:
    async def run() -> T:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(linear)) as http:
            return await use(LinearClient(http, token, clock=lambda: NOW))

    return asyncio.run(run())


def with_items(
    linear: SmallLinear, use: Callable[[LinearWorkItemProvider], Awaitable[T]], config: FactoryConfig = CONFIG
) -> T:
    return with_client(linear, lambda client: use(LinearWorkItemProvider(client, config)))


def with_channel(linear: SmallLinear, use: Callable[[LinearClarificationChannel], Awaitable[T]]) -> T:
    return with_client(linear, lambda client: use(LinearClarificationChannel(client, CONFIG)))


@pytest.mark.parametrize("item_id", ["GENT-774", "OLD-7", UUID, f"linear:{UUID}"])
def test_an_item_is_read_whole_by_any_of_its_names(item_id: str) -> None:
    assert with_items(SmallLinear(), lambda items: items.read_item(item_id)) == ITEM


def test_an_item_that_is_gone_is_none() -> None:
    """Unknown to Linear, or in its trash."""
    linear = SmallLinear()
    assert with_items(linear, lambda items: items.read_item("GENT-1")) is None
    linear.issue["trashed"] = True
    assert with_items(linear, lambda items: items.read_item("GENT-774")) is None


def test_only_ready_items_are_the_factorys() -> None:
    def ready(state: ItemState) -> bool:
        async def ask(items: LinearWorkItemProvider) -> bool:
            return items.is_ready_for_dispatch(ITEM.model_copy(update={"state": state}))

        return with_items(SmallLinear(), ask)

    assert [state for state in ItemState if ready(state)] == [ItemState.READY]


def test_a_state_is_set_by_its_name_which_is_looked_up_once() -> None:
    """The name's case does not matter, and the second item of the team costs no second look-up."""
    linear = SmallLinear()

    async def move(items: LinearWorkItemProvider) -> None:
        await items.set_state(ITEM, ItemState.DISPATCHED)
        await items.set_state(ITEM, ItemState.DISPATCHED)
        await items.set_state(ITEM, ItemState.READY)  # where it is: nothing is done

    with_items(linear, move)
    assert linear.issue["state"]["id"] == "s-doing"
    assert linear.asked == ["WorkflowStates", "IssueSetState", "IssueSetState"]


def test_a_state_that_the_team_lacks_is_named_with_its_fix() -> None:
    with pytest.raises(Terminal) as caught:
        with_items(SmallLinear(), lambda items: items.set_state(ITEM, ItemState.DONE))
    problem = caught.value
    assert (problem.what, problem.why, problem.fix) == (
        "Linear: team GENT has no state 'Done' for done",
        "its states are: Ready for Agent, in progress",
        "In factory.config.yaml: set linear.states.done to one of them",
    )


def test_delegating_and_linking_are_harmless_to_repeat() -> None:
    linear = SmallLinear()

    async def act(items: LinearWorkItemProvider) -> None:
        for _ in range(2):
            await items.delegate("GENT-774", "app-1")
            await items.link_pull_request("GENT-774", "https://github.com/acme/api/pull/1", KEY)

    with_items(linear, act)
    assert (linear.issue["delegate"], linear.attachments) == (
        {"id": "app-1"}, {"https://github.com/acme/api/pull/1"}
    )  # fmt: skip


@pytest.mark.parametrize("lost", [0, 1])
def test_a_comment_stands_once_under_its_key(lost: int) -> None:
    """Its id follows from the key: a repeat, also after an answer that never came, is success and adds nothing."""
    linear = SmallLinear()
    linear.lost = lost

    def post(key: str) -> None:
        with_items(linear, lambda items: items.post_comment("GENT-774", "Merged.", key))

    if lost:
        with pytest.raises(Retryable):
            post(KEY)
    post(KEY)
    post(KEY)
    assert list(linear.made.values()) == [{"issueId": "GENT-774", "body": "Merged.\n\n<!-- factory -->"}]
    post("GENT-774:19b89a:4")
    assert len(linear.made) == 2


def test_an_entry_stands_once_in_its_session() -> None:
    linear, note = SmallLinear(), Activity(text="On it: reading the ticket.")
    for _ in range(2):
        with_items(linear, lambda items: items.post_activity("session-9", note, KEY))
    assert list(linear.made.values()) == [
        {"agentSessionId": "session-9", "content": {"type": "thought", "body": "On it: reading the ticket."}}
    ]


@pytest.mark.parametrize("says", ["ask", "reply"])
def test_what_an_agent_asks_masks_no_link_and_loads_no_image(says: str) -> None:
    """In Linear it is Markdown, which a chat's text was not made safe for."""
    linear = SmallLinear()
    text = for_chat(
        "[Approve](https://evil.example) ![](https://evil.example/seen.png) <img src=//evil.example> ACME-9"
    )

    async def say(channel: LinearClarificationChannel) -> None:
        if says == "ask":
            await channel.ask(ITEM, "", text, KEY)
        else:
            await channel.reply("linear-session:s1", text, KEY)

    with_channel(linear, say)
    (body,) = [made["content"]["body"] for made in linear.made.values()]
    assert "](" not in body and "<img" not in body and "[Approve] (https://evil.example)" in body and "ACME-9" in body


def test_a_question_is_an_elicitation_in_a_session_of_the_issue() -> None:
    """The same key again gives the same thread, and asks nothing twice."""
    linear = SmallLinear()
    ask = [with_channel(linear, lambda channel: channel.ask(ITEM, "", "A or B?", KEY)) for _ in range(2)]
    thread = Thread("linear-session:session-1", "https://linear.app/acme/session/session-1", "session-1")
    assert ask == [thread, thread]
    assert linear.sessions == ["session-1"]
    assert list(linear.made.values()) == [
        {
            "agentSessionId": "session-1",
            "content": {"type": "elicitation", "body": "A or B?\n\n<!-- factory -->"},
        }
    ]


def test_a_question_whose_answer_got_lost_is_not_asked_again() -> None:
    linear = SmallLinear()

    async def lose_the_question(channel: LinearClarificationChannel) -> None:
        session = await channel._new_session(ITEM)
        linear.lost = 1
        with pytest.raises(Retryable):
            await channel.ask(ITEM, "", "A or B?", KEY, session_id=session.id)

    with_channel(linear, lose_the_question)
    thread = with_channel(linear, lambda channel: channel.ask(ITEM, "", "A or B?", KEY))
    assert (thread.thread_id, len(linear.made), linear.sessions) == ("linear-session:session-1", 1, ["session-1"])


def test_a_notice_goes_into_its_session_once() -> None:
    linear = SmallLinear()
    for _ in range(2):
        with_channel(linear, lambda channel: channel.reply("linear-session:session-4", "Still waiting.", KEY))
    assert [made["agentSessionId"] for made in linear.made.values()] == ["session-4"]
    with pytest.raises(Terminal, match="no agent session"):
        with_channel(linear, lambda channel: channel.reply("C123:1767520800.000100", "Still waiting.", KEY))


LIMITED = {
    "x-ratelimit-requests-remaining": "0",
    "x-ratelimit-requests-reset": str(int(NOW.timestamp() * 1000) + 90_000),
    "x-ratelimit-complexity-remaining": "1999000",
    "x-ratelimit-complexity-reset": str(int(NOW.timestamp() * 1000) + 1_800_000),
}


def limited(**headers: str) -> httpx2.Response:
    answer = errors("Rate limit exceeded", "RATELIMITED", status=400)
    answer.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return answer


def of_a_good_day(response: httpx2.Response) -> httpx2.Response:
    """With what Linear says in each response of limits that are not used up."""
    response.headers.update({**LIMITED, "x-ratelimit-requests-remaining": "4999"})
    return response


@pytest.mark.parametrize(
    ("fault", "after"),
    [
        (httpx2.Response(429, headers={"retry-after": "7"}), 7.0),
        (httpx2.Response(429, headers=LIMITED), 90.0),
        (httpx2.Response(500), None),
        (httpx2.Response(503, headers={"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}), None),
        (httpx2.ReadTimeout("slow"), None),
        (httpx2.ConnectError("refused"), None),
        (limited(**LIMITED), 90.0),
        (limited(**{**LIMITED, "x-ratelimit-requests-remaining": "3"}), 1800.0),
        (limited(**{**LIMITED, "x-ratelimit-requests-reset": "99999999999999"}), 3600.0),
        (limited(**{**LIMITED, "x-ratelimit-requests-reset": "1"}), 1.0),
        (limited(**{"x-ratelimit-requests-reset": "soon"}), None),
        (errors("Internal", "INTERNAL_SERVER_ERROR"), None),
        (of_a_good_day(errors("Internal", "INTERNAL_SERVER_ERROR")), None),
        (of_a_good_day(httpx2.Response(502)), None),
        (of_a_good_day(httpx2.Response(503, headers={"retry-after": "7"})), 7.0),
        (httpx2.Response(200, text="<html>a proxy</html>"), None),
        (httpx2.Response(200, json={"data": None}), None),
        (httpx2.Response(200, json={"data": {"issue": {"id": 7}}}), None),
    ],
)
def test_what_may_pass_is_retryable_with_the_vendors_delay(
    fault: httpx2.Response | Exception, after: float | None
) -> None:
    linear = SmallLinear()
    linear.faults = [fault]
    with pytest.raises(Retryable) as caught:
        with_items(linear, lambda items: items.read_item("GENT-774"))
    assert caught.value.after == after
    assert TOKEN not in repr(caught.value.document())


@pytest.mark.parametrize(
    ("fault", "fix"),
    [
        (httpx2.Response(403, text="no"), "factory connect linear"),
        (errors("Invalid scope", "FORBIDDEN"), "factory connect linear"),
        (errors("Argument Validation Error"), "factory doctor linear"),
        (httpx2.Response(404, text="no"), "factory doctor linear"),
        (httpx2.Response(200, json={"data": {"commentCreate": {"success": False}}}), "factory doctor linear"),
    ],
)
def test_what_is_hopeless_is_terminal_with_its_fix(fault: httpx2.Response, fix: str) -> None:
    linear = SmallLinear()
    linear.faults = [fault]
    with pytest.raises(Terminal) as caught:
        with_items(linear, lambda items: items.post_comment("GENT-774", "Merged.", KEY))
    assert caught.value.fix == fix
    assert TOKEN not in repr(caught.value.document())


@pytest.mark.parametrize(
    "fault", [httpx2.Response(401), errors("Authentication required", "AUTHENTICATION_ERROR", status=400)]
)
def test_a_token_that_ended_is_the_connections_matter(fault: httpx2.Response) -> None:
    """The connection is lost; it is no fault of the ticket, and no try is spent on it."""
    linear = SmallLinear()
    linear.faults = [fault]
    with pytest.raises(ConnectionLost) as caught:
        with_items(linear, lambda items: items.post_comment("GENT-774", "Merged.", KEY))
    assert (caught.value.provider, caught.value.fix) == ("linear", "factory connect linear")
    assert TOKEN not in repr(caught.value.document())


@pytest.mark.parametrize(("token", "header"), [("lin_api_1", "lin_api_1"), ("an-oauth-token", "Bearer an-oauth-token")])
def test_personal_keys_and_oauth_tokens_are_sent_as_linear_wants_them(token: str, header: str) -> None:
    linear = SmallLinear()
    with_client(linear, lambda client: client.post("Viewer", {}), token)
    (request,) = linear.seen
    assert (str(request.url), request.headers["authorization"]) == ("https://api.linear.app/graphql", header)


def checked(linear: SmallLinear, token: str = TOKEN) -> ProviderConnection:
    return with_client(linear, connection.check_connection, token)


def test_a_live_token_is_connected() -> None:
    assert checked(SmallLinear()) == ProviderConnection(
        provider="linear",
        status=ConnectionStatus.CONNECTED,
        required_scopes=("read", "write"),
        account="Factory in Acme",
    )


@pytest.mark.parametrize(
    ("fault", "status", "fix"),
    [
        (httpx2.Response(401), ConnectionStatus.NEEDS_AUTH, "factory connect linear"),
        (errors("no", "AUTHENTICATION_ERROR"), ConnectionStatus.NEEDS_AUTH, "factory connect linear"),
        (httpx2.Response(500), ConnectionStatus.ERROR, "factory check"),
        (httpx2.ConnectError("refused"), ConnectionStatus.ERROR, "factory check"),
        (httpx2.Response(200, json={"data": {"viewer": None}}), ConnectionStatus.ERROR, "factory check"),
    ],
)
def test_what_is_wrong_with_the_connection_is_said(
    fault: httpx2.Response | Exception, status: ConnectionStatus, fix: str
) -> None:
    """A check never raises: the answer says whose move it is."""
    linear = SmallLinear()
    linear.faults = [fault]
    found = checked(linear)
    assert (found.status, found.fix) == (status, fix)
    assert found.error


def test_without_a_token_nobody_is_asked() -> None:
    linear = SmallLinear()
    found = checked(linear, token="")
    assert (found.status, found.fix, linear.seen) == (ConnectionStatus.NEEDS_AUTH, "factory connect linear", [])


def test_a_check_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(SmallLinear):
        async def __call__(self, request: httpx2.Request) -> httpx2.Response:
            await asyncio.Event().wait()
            raise AssertionError

    monkeypatch.setattr(http_call, "PATIENCE", 0.01)
    assert checked(Silent()).status is ConnectionStatus.ERROR


def test_team_and_delegation_count_in_the_api_too() -> None:
    """Webhook and API are read by the same rules."""
    config = CONFIG.model_copy(update={"linear": LinearSettings(app_user_id="app-1")})
    linear = SmallLinear()
    linear.issue |= {"state": {"id": "s", "name": "Todo", "type": "unstarted"}, "delegate": {"id": "app-1"}}
    item = with_items(linear, lambda items: items.read_item("GENT-774"), config)
    assert item is not None
    assert item.state is ItemState.READY


def test_a_problem_is_always_one_of_ours() -> None:
    """No shape of an answer escapes as another error."""
    for content in (
        b"",
        b"[]",
        b"1",
        b'{"errors":7}',
        b'{"data":[]}',
        b'{"errors":[{"extensions":{"code":4}}]}',
        b"\xff",
    ):
        linear = SmallLinear()
        linear.faults = [httpx2.Response(200, content=content)]
        with pytest.raises(Problem):
            with_items(linear, lambda items: items.read_item("GENT-774"))


def ready_filter(linear: LinearSettings) -> dict[str, Any]:
    """What the provider asks for, of the items that changed since NOW."""
    config = CONFIG.model_copy(update={"linear": linear})
    asked: list[dict[str, Any]] = []

    class Listing(SmallLinear):
        def act(self, operation: str, given: dict[str, Any]) -> dict[str, Any]:
            asked.append(given)
            page = {"hasNextPage": True, "endCursor": "next"}
            backlog = {**ISSUE, "state": {"id": "s", "name": "Backlog", "type": "backlog"}}
            return {"issues": {"nodes": [ISSUE, {**ISSUE, "trashed": True}, backlog], "pageInfo": page}}

    found = with_client(Listing(), lambda client: LinearWorkItemProvider(client, config).ready_items(NOW, "here", 7))
    assert found == ((ITEM,), "next")
    ((given,), filtered) = asked, asked[0]["filter"]
    assert (given["after"], given["first"], filtered["updatedAt"]) == ("here", 7, {"gt": "2026-01-04T10:00:00+00:00"})
    return {name: value for name, value in filtered.items() if name != "updatedAt"}


def test_ready_is_asked_by_the_states_name_and_by_whom_it_is_delegated_to() -> None:
    """One page; the trash and what is not ready after all are left out."""
    by_name = {"state": {"name": {"eqIgnoreCase": "Ready for Agent"}}}
    assert ready_filter(LinearSettings()) == {"or": [by_name]}
    delegated = {"delegate": {"id": {"eq": "app-1"}}, "state": {"type": {"in": ["backlog", "unstarted"]}}}
    team = {"team": {"key": {"eqIgnoreCase": "GENT"}}}
    assert ready_filter(LinearSettings(app_user_id="app-1", team="GENT")) == {"or": [by_name, delegated], **team}
