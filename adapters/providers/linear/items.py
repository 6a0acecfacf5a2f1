"""Linear as the tracker: read an issue, move it, comment on it, delegate it, show it in its agent session."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from pydantic import ValidationError

from adapters.providers.http_call import judged, later
from factory_core.config import FactoryConfig
from factory_core.connections import ProviderConnection
from factory_core.dispatch.activity import Activity, Link, PlanStep
from factory_core.ports import ItemPage
from factory_core.work_item import ItemState, WorkItem

from .client import LinearClient, shaped
from .connection import check_connection
from .issue import NOT_BEGUN, IssueNode, Named, moved_by, of_team, read_issue, team_of, vendor_id
from .marks import marked, own_id
from .pages import Node, Page, whole
from .sessions import post_activity, update_session
from .settings import LinearSettings
from .workflow import WorkflowState, chosen, missing, name_of, same

logger = logging.getLogger("factory.linear")
STATES_LAST = timedelta(minutes=10)


class IssueAnswer(Node):
    issue: IssueNode | None = None


class StatesAnswer(Node):
    workflow_states: Page[WorkflowState]


class IssuesAnswer(Node):
    issues: Page[Any]  # each is read by itself: one that cannot be read hides none of the others


class Viewer(Node):
    id: str
    app: bool = False


class ViewerAnswer(Node):
    viewer: Viewer


class Moved(Node):
    """Where Linear shows the issue after it was moved."""

    state: Named | None = None


class Update(Node):
    issue: Moved | None = None


class UpdateAnswer(Node):
    issue_update: Update


class LinearWorkItemProvider:
    def __init__(self, client: LinearClient, config: FactoryConfig) -> None:
        self._client, self._linear = client, config.section("linear", LinearSettings)
        self._teams: dict[str, Team] = {}
        self._us = self._linear.app_user_id or None

    async def check_connection(self) -> ProviderConnection:
        """Connected, and where one team is configured, with a way for its tickets to become ready."""
        connection, team = await check_connection(self._client), self._linear.team
        if not (connection.ready and team) or self._us:
            return connection
        return await judged(connection.provider, connection.required_scopes, self._with_ready(connection), connect="")

    async def _with_ready(self, connection: ProviderConnection) -> ProviderConnection:
        states = await self._states(self._linear.team)
        if chosen(states, ItemState.READY, self._linear) is None:
            raise missing(self._linear.team, states, ItemState.READY, self._linear)
        return connection

    async def read_item(self, item_id: str) -> WorkItem | None:
        data = await self._client.find("Issue", {"id": vendor_id(item_id)})
        node = shaped(IssueAnswer, data).issue if data else None
        if node is None:
            return None
        node = await self._whole(node)
        item = read_issue(node, self._linear)
        if item is None or item.state is not ItemState.OTHER or not of_team(item.key, self._linear):
            return item
        return read_issue(node, self._linear, await self._states(team_of(item.key)))

    def is_ready_for_dispatch(self, item: WorkItem) -> bool:
        return item.state is ItemState.READY

    async def ready_items(self, since: datetime, cursor: str, limit: int) -> ItemPage:
        """Newest first, 25 labels each: a page of 50 costs about a third of what one query may."""
        asked = {"filter": self._ready_since(since), "after": cursor or None, "first": limit}
        issues = shaped(IssuesAnswer, await self._client.post("ReadyIssues", asked)).issues
        items = [await self._listed(node) for node in issues.nodes]
        return ItemPage(tuple(item for item in items if item and self.is_ready_for_dispatch(item)), issues.next)

    async def begun_items(self, before: datetime, cursor: str, limit: int) -> ItemPage:
        """Only an agent user's moves can be told from a person's: with a person's token there are none."""
        us = await self._agent_user()
        if not us:
            return ItemPage((), "")
        name = self._linear.states.get("dispatched", "")
        wanted: dict[str, Any] = {"state": {"name": {"eqIgnoreCase": name}}, "updatedAt": {"lt": before.isoformat()}}
        asked = {"filter": wanted | self._team(), "after": cursor or None, "first": limit}
        issues = shaped(IssuesAnswer, await self._client.post("BegunIssues", asked)).issues
        items = [await self._listed(node) for node in issues.nodes if moved_by(node, us)]
        return ItemPage(tuple(item for item in items if item and item.state is ItemState.DISPATCHED), issues.next)

    async def set_state(self, item: WorkItem, state: ItemState) -> None:
        """Raises Retryable when Linear says that it is done and shows the issue elsewhere.

        A team that has no state for reviews keeps the issue among what was started.
        """
        if item.state is state:
            return
        team = team_of(item.key)
        states = await self._states(team)
        there = chosen(states, state, self._linear)
        if there is None:
            raise missing(team, states, state, self._linear)
        if state is ItemState.IN_REVIEW and not same(there.name, name_of(state, self._linear)):
            there = chosen(states, ItemState.DISPATCHED, self._linear) or there
            if item.state is ItemState.DISPATCHED:
                return
        data = await self._client.post("IssueSetState", {"id": item.source.external_id, "stateId": there.id})
        moved = shaped(UpdateAnswer, data).issue_update.issue
        if moved is None or moved.state is None or moved.state.id != there.id:
            del self._teams[team]
            raise later("Linear", f"it answered success, and does not show {item.key} as {state}")

    async def post_comment(self, item_id: str, body: str, key: str) -> None:
        given = {"id": own_id(key), "issueId": vendor_id(item_id), "body": marked(body)}
        await self._client.create("CommentCreate", given)

    async def claim(self, item: WorkItem) -> None:
        """Linear asks agents to be the delegate of what they work on, if nobody is. A person's token cannot be one."""
        if item.metadata.get("delegate"):
            return
        us = await self._agent_user()
        if us:
            await self.delegate(item.source.external_id, us)

    async def post_activity(self, session_id: str, activity: Activity, key: str) -> None:
        await post_activity(self._client, session_id, activity, key)

    async def update_session(self, session_id: str, plan: Sequence[PlanStep], links: Sequence[Link]) -> None:
        await update_session(self._client, session_id, plan, links)

    async def delegate(self, item_id: str, app_user_id: str) -> None:
        """Give the issue to an agent user; its human assignee stays."""
        await self._client.post("IssueSetDelegate", {"id": vendor_id(item_id), "delegateId": app_user_id})

    async def link_pull_request(self, item_id: str, url: str, key: str) -> None:
        """The address itself is the key: Linear keeps one attachment an address."""
        await self._client.post("AttachmentLinkGitHubPR", {"issueId": vendor_id(item_id), "url": url})

    async def _agent_user(self) -> str:
        """The id of our agent user; empty where the token is a person's."""
        if self._us is None:
            viewer = shaped(ViewerAnswer, await self._client.post("Viewer", {})).viewer
            self._us = viewer.id if viewer.app else ""
        return self._us

    async def _listed(self, given: object) -> WorkItem | None:
        try:
            node = IssueNode.model_validate(given)
        except ValidationError as error:
            logger.warning("a listed issue cannot be read: %s", error.errors()[0]["loc"], extra={"action": "sweep"})
            return None
        return read_issue(await self._whole(node), self._linear)

    async def _whole(self, node: IssueNode) -> IssueNode:
        """With the further pages of its lists."""

        async def page_of(field: str, cursor: str) -> Page[Any] | None:
            data = await self._client.find(f"Issue{field.title()}", {"id": node.id, "after": cursor})
            rest = shaped(IssueAnswer, _as_issue(node, data)).issue if data else None
            return getattr(rest, field) if rest else None

        more: dict[str, Any] = {}
        for field in ("labels", "comments", "attachments"):
            first: Page[Any] | None = getattr(node, field)
            if first and first.next:
                more[field] = await whole(first, partial(page_of, field))
        return node.model_copy(update=more) if more else node

    def _ready_since(self, since: datetime) -> dict[str, Any]:
        """IssueFilter: by the state's name, or delegated to us and not begun."""
        linear = self._linear
        ready: list[dict[str, Any]] = [{"state": {"name": {"eqIgnoreCase": linear.states.get("ready", "")}}}]
        if linear.app_user_id:
            not_begun = {"type": {"in": sorted(NOT_BEGUN)}}
            ready.append({"delegate": {"id": {"eq": linear.app_user_id}}, "state": not_begun})
        return {"updatedAt": {"gt": since.isoformat()}, "or": ready, **self._team()}

    def _team(self) -> dict[str, Any]:
        return {"team": {"key": {"eqIgnoreCase": self._linear.team}}} if self._linear.team else {}

    async def _states(self, team: str) -> tuple[WorkflowState, ...]:
        """Of the team, as they were some minutes ago."""
        known, now = self._teams.get(team), self._client.clock()
        if known is None or abs(now - known.read_at) > STATES_LAST:
            first = await self._states_page(team, None)
            states = await whole(first, lambda cursor: self._states_page(team, cursor))
            known = self._teams[team] = Team(now, states.nodes)
        return known.states

    async def _states_page(self, team: str, cursor: str | None) -> Page[WorkflowState]:
        data = await self._client.post("WorkflowStates", {"teamKey": team, "after": cursor})
        return shaped(StatesAnswer, data).workflow_states


class Team(NamedTuple):
    """The workflow states of a team, and when they were read."""

    read_at: datetime
    states: tuple[WorkflowState, ...]


def _as_issue(node: IssueNode, data: dict[str, Any]) -> dict[str, Any]:
    """A part of an issue, which comes without its name."""
    return {"issue": {"identifier": node.identifier, **(data.get("issue") or {}), "id": node.id}}
