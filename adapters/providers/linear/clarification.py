"""Linear's agent sessions as the place where people are asked: a question is an elicitation on the ticket itself.

https://linear.app/developers/agent-interaction
"""

from __future__ import annotations

from datetime import datetime

from factory_core.config import FactoryConfig
from factory_core.connections import ProviderConnection
from factory_core.dispatch.activity import Activity as Entry
from factory_core.dispatch.events import ReplyReceived
from factory_core.dispatch.records import Summary
from factory_core.errors import Terminal
from factory_core.ports import Thread
from factory_core.text.foreign_text import MOST_BODY, for_instruction
from factory_core.work_item import WorkItem

from .client import LinearClient, shaped
from .connection import check_connection
from .issue import vendor_id
from .marks import SESSION, own_id
from .pages import Node, Page, whole
from .payloads import Activity, IssueReference
from .people import mention
from .sessions import post_activity
from .settings import LinearSettings
from .webhook import reply_of

_OVER = frozenset({"complete", "error"})


def _shown(text: str) -> str:
    """Text for people, where it is Markdown: its links show where they lead, and nothing in it is loaded or hidden."""
    return for_instruction(text, MOST_BODY)


class OpenSession(Node):
    id: str
    url: str | None = None


class ListedSession(OpenSession):
    status: str = ""
    issue: IssueReference | None = None


class SessionsListed(Node):
    agent_sessions: Page[ListedSession]


class HasSession(Node):
    agent_session: OpenSession


class SessionMade(Node):
    agent_session_create_on_issue: HasSession


class ActivityFound(Node):
    agent_activity: HasSession


class Written(Activity):
    created_at: datetime


class Conversation(Node):
    activities: Page[Written]


class ConversationFound(Node):
    agent_session: Conversation


class LinearClarificationChannel:
    def __init__(self, client: LinearClient, config: FactoryConfig) -> None:
        self._client, self._us = client, config.section("linear", LinearSettings).app_user_id
        self._people = config.clarification.people

    async def check_connection(self) -> ProviderConnection:
        return await check_connection(self._client)

    async def ask(
        self,
        item: Summary | WorkItem,
        person: str,
        text: str,
        key: str,
        thread_id: str = "",
        session_id: str = "",
    ) -> Thread:
        """In the session that the person opened, also where its webhook has not come yet; else in a new one.

        Linear takes no id of ours for a session, so before one is opened the question itself is looked for: a crash
        between the two calls leaves a session without a word in it, which the next question takes.
        """
        known = _session_of(thread_id) if thread_id else session_id
        session = OpenSession(id=known) if known else await self._session_for(item, key)
        called = await mention(self._client, item, self._people.get(person, person))
        asked = Entry(kind="question", text=f"{called} {_shown(text)}".strip())
        await post_activity(self._client, session.id, asked, key)
        return Thread(f"{SESSION}{session.id}", session.url or "", session.id)

    async def reply(self, thread_id: str, text: str, key: str) -> None:
        """What is no question is the end: nothing else is posted in a session's thread."""
        await post_activity(self._client, _session_of(thread_id), Entry(kind="result", text=_shown(text)), key)

    async def replies(self, thread_id: str) -> tuple[ReplyReceived, ...]:
        """What people wrote in the session, as their webhooks would have said it: our own words are no prompts."""
        first = await self._activities(thread_id, None)
        if first is None:
            return ()
        written = await whole(first, lambda cursor: self._activities(thread_id, cursor))
        spoken = (one for one in written.nodes if one.signal != "stop" and one.author != self._us)
        oldest_first = sorted(spoken, key=lambda one: one.created_at)
        return tuple(reply for one in oldest_first for reply in reply_of(one, _session_of(thread_id), one.created_at))

    async def _activities(self, thread_id: str, cursor: str | None) -> Page[Written] | None:
        asked = {"id": _session_of(thread_id), "after": cursor}
        data = await self._client.find("AgentSessionReplies", asked)
        return shaped(ConversationFound, data).agent_session.activities if data else None

    async def _session_for(self, item: Summary | WorkItem, key: str) -> OpenSession:
        return await self._asked(key) or await self._opened(item) or await self._new_session(item)

    async def _opened(self, item: Summary | WorkItem) -> OpenSession | None:
        """The newest one on the issue that is not over. The issue's own webhook is often faster than the session's.

        A token that may not list sessions finds none.
        """
        try:
            listed = shaped(SessionsListed, await self._client.post("AgentSessions", {})).agent_sessions.nodes
        except Terminal:
            return None
        of_issue = (one for one in listed if one.issue and vendor_id(item.identity) == one.issue.id)
        return next((one for one in of_issue if one.status not in _OVER), None)

    async def _asked(self, key: str) -> OpenSession | None:
        data = await self._client.find("AgentActivity", {"id": own_id(key)})
        return shaped(ActivityFound, data).agent_activity.agent_session if data else None

    async def _new_session(self, item: Summary | WorkItem) -> OpenSession:
        issue = vendor_id(item.identity) or item.key
        data = await self._client.post("AgentSessionCreateOnIssue", {"input": {"issueId": issue}})
        return shaped(SessionMade, data).agent_session_create_on_issue.agent_session


def _session_of(thread_id: str) -> str:
    if not thread_id.startswith(SESSION):
        raise Terminal(
            f"Linear: {thread_id} is no agent session",
            why="the thread was opened in another channel",
            fix="In factory.config.yaml: set clarificationChannel to the channel that the question stands in",
        )
    return thread_id.removeprefix(SESSION)
