"""Linear as the tracker: read an issue, move it, comment on it, delegate it."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from adapters.providers.http_call import later
from factory_core.config import FactoryConfig
from factory_core.connections import ProviderConnection
from factory_core.errors import Terminal
from factory_core.ports import ItemPage
from factory_core.work_item import ItemState, WorkItem

from .client import LinearClient, shaped
from .connection import check_connection
from .issue import NOT_BEGUN, IssueNode, Named, Node, WorkflowState, read_issue, vendor_id
from .marks import marked, own_id

logger = logging.getLogger("factory.linear")


class IssueAnswer(Node):
    issue: IssueNode | None = None


class States(Node):
    nodes: tuple[WorkflowState, ...]


class StatesAnswer(Node):
    workflow_states: States


class PageInfo(Node):
    has_next_page: bool = False
    end_cursor: str | None = None


class Issues(Node):
    nodes: tuple[Any, ...]  # each is read by itself: one that cannot be read hides none of the others
    page_info: PageInfo


class IssuesAnswer(Node):
    issues: Issues


class Moved(Node):
    """Where Linear shows the issue after it was moved."""

    state: Named | None = None


class Update(Node):
    issue: Moved | None = None


class UpdateAnswer(Node):
    issue_update: Update


class LinearWorkItemProvider:
    def __init__(self, client: LinearClient, config: FactoryConfig) -> None:
        self._client, self._linear = client, config.linear
        self._state_ids: dict[tuple[str, str], str] = {}  # (team, state name) → id; ids differ from team to team

    async def check_connection(self) -> ProviderConnection:
        return await check_connection(self._client)

    async def read_item(self, item_id: str) -> WorkItem | None:
        data = await self._client.find("Issue", {"id": vendor_id(item_id)})
        node = shaped(IssueAnswer, data).issue if data else None
        return read_issue(node, self._linear) if node else None

    def is_ready_for_dispatch(self, item: WorkItem) -> bool:
        return item.state is ItemState.READY

    async def ready_items(self, since: datetime, cursor: str, limit: int) -> ItemPage:
        """Newest first, 50 labels each: a page of 50 costs about a third of what one query may."""
        asked = {"filter": self._ready_since(since), "after": cursor or None, "first": limit}
        issues = shaped(IssuesAnswer, await self._client.post("ReadyIssues", asked)).issues
        items = (self._listed(node) for node in issues.nodes)
        ready = tuple(item for item in items if item and self.is_ready_for_dispatch(item))
        return ItemPage(ready, (issues.page_info.end_cursor or "") if issues.page_info.has_next_page else "")

    async def set_state(self, item: WorkItem, state: ItemState) -> None:
        """Raises Retryable when Linear says that it is done and shows the issue elsewhere."""
        if item.state is state:
            return
        state_id = await self._state_id(item.key.rpartition("-")[0], state)
        data = await self._client.post("IssueSetState", {"id": item.source.external_id, "stateId": state_id})
        moved = shaped(UpdateAnswer, data).issue_update.issue
        if moved is None or moved.state is None or moved.state.id != state_id:
            raise later("Linear", f"it answered success, and does not show {item.key} as {state}")

    async def post_comment(self, item_id: str, body: str, key: str) -> None:
        given = {"id": own_id(key), "issueId": vendor_id(item_id), "body": marked(body)}
        await self._client.create("CommentCreate", given)

    async def acknowledge_session(self, session_id: str, key: str) -> None:
        """Within 10 s of the session's webhook, else Linear shows the agent as not responding."""
        content = {"type": "thought", "body": "On it: reading the ticket."}
        given = {"id": own_id(key), "agentSessionId": session_id, "content": content}
        await self._client.create("AgentActivityCreate", given)

    async def delegate(self, item_id: str, app_user_id: str) -> None:
        """Give the issue to an agent user; its human assignee stays."""
        await self._client.post("IssueSetDelegate", {"id": vendor_id(item_id), "delegateId": app_user_id})

    async def link_pull_request(self, item_id: str, url: str, key: str) -> None:
        """The address itself is the key: Linear keeps one attachment an address."""
        await self._client.post("AttachmentLinkGitHubPR", {"issueId": vendor_id(item_id), "url": url})

    def _listed(self, node: object) -> WorkItem | None:
        try:
            return read_issue(IssueNode.model_validate(node), self._linear)
        except ValidationError as error:
            logger.warning("a listed issue cannot be read: %s", error.errors()[0]["loc"], extra={"action": "sweep"})
            return None

    def _ready_since(self, since: datetime) -> dict[str, Any]:
        """IssueFilter: by the state's name, or delegated to us and not begun."""
        linear = self._linear
        ready: list[dict[str, Any]] = [{"state": {"name": {"eqIgnoreCase": linear.states.get("ready", "")}}}]
        if linear.app_user_id:
            not_begun = {"type": {"in": sorted(NOT_BEGUN)}}
            ready.append({"delegate": {"id": {"eq": linear.app_user_id}}, "state": not_begun})
        team = {"team": {"key": {"eqIgnoreCase": linear.team}}} if linear.team else {}
        return {"updatedAt": {"gt": since.isoformat()}, "or": ready, **team}

    async def _state_id(self, team: str, state: ItemState) -> str:
        name = {str(mapped): name for mapped, name in self._linear.states.items()}.get(state, "")
        wanted = (team, name.casefold())
        if name and wanted not in self._state_ids:
            self._state_ids |= await self._states_of(team)
        if wanted not in self._state_ids:
            known = ", ".join(sorted(known for of, known in self._state_ids if of == team)) or "none"
            raise Terminal(
                f"Linear: team {team} has no state {name!r} for {state}",
                why=f"its states are: {known}",
                fix=f"In factory.config.yaml: set linear.states.{state} to one of them",
            )
        return self._state_ids[wanted]

    async def _states_of(self, team: str) -> dict[tuple[str, str], str]:
        data = await self._client.post("WorkflowStates", {"teamKey": team})
        nodes = shaped(StatesAnswer, data).workflow_states.nodes
        return {(team, node.name.casefold()): node.id for node in nodes}
