"""Linear's agent sessions as the place where people are asked: a question is an elicitation on the ticket itself.

https://linear.app/developers/agent-interaction
"""

from __future__ import annotations

from datetime import datetime

from factory_core.config import FactoryConfig
from factory_core.connections import ProviderConnection
from factory_core.dispatch.events import ReplyReceived
from factory_core.errors import Terminal
from factory_core.ports import Thread

from .client import LinearClient, shaped
from .connection import check_connection
from .issue import Node, vendor_id
from .marks import SESSION, marked, own_id
from .payloads import Activity
from .webhook import reply_of


class OpenSession(Node):
    id: str
    url: str | None = None


class HasSession(Node):
    agent_session: OpenSession


class SessionMade(Node):
    agent_session_create_on_issue: HasSession


class ActivityFound(Node):
    agent_activity: HasSession


class Said(Activity):
    created_at: datetime


class SaidPage(Node):
    nodes: tuple[Said, ...]


class Conversation(Node):
    activities: SaidPage


class ConversationFound(Node):
    agent_session: Conversation


class LinearClarificationChannel:
    def __init__(self, client: LinearClient, config: FactoryConfig) -> None:
        self._client, self._us = client, config.linear.app_user_id

    async def check_connection(self) -> ProviderConnection:
        return await check_connection(self._client)

    async def open_thread(self, title: str, body: str, key: str) -> Thread:
        """Ask in a new session on the issue whose id the key begins with.

        Linear takes no id of ours for a session, so the question itself is looked for first. A crash between the two
        calls leaves a session without a word in it, which Linear lets go stale; the question is never asked twice.
        """
        session = await self._asked(key)
        if session is None:
            session = await self._new_session(vendor_id(key.rsplit(":", 2)[0]))
            await self._ask(session.id, f"**{title}**\n\n{body}", key)
        return Thread(f"{SESSION}{session.id}", session.url or "")

    async def reply(self, thread_id: str, text: str, key: str) -> None:
        """Every word of ours there asks: an elicitation keeps the session open for the person's answer."""
        if not thread_id.startswith(SESSION):
            raise Terminal(
                f"Linear: {thread_id} is no agent session",
                why="the thread was opened in another channel",
                fix="In factory.config.yaml: set clarificationChannel to the channel that the question stands in",
            )
        await self._ask(thread_id.removeprefix(SESSION), text, key)

    async def replies(self, thread_id: str) -> tuple[ReplyReceived, ...]:
        """What people wrote in the session, as their webhooks would have said it: our own words are no prompts."""
        data = await self._client.find("AgentSessionReplies", {"id": thread_id.removeprefix(SESSION)})
        said = shaped(ConversationFound, data).agent_session.activities.nodes if data else ()
        spoken = (one for one in said if one.signal != "stop" and one.author != self._us)
        oldest_first = sorted(spoken, key=lambda one: one.created_at)
        return tuple(reply for one in oldest_first for reply in reply_of(one, thread_id, one.created_at))

    async def _asked(self, key: str) -> OpenSession | None:
        data = await self._client.find("AgentActivity", {"id": own_id(key)})
        return shaped(ActivityFound, data).agent_activity.agent_session if data else None

    async def _new_session(self, item_key: str) -> OpenSession:
        data = await self._client.post("AgentSessionCreateOnIssue", {"input": {"issueId": item_key}})
        return shaped(SessionMade, data).agent_session_create_on_issue.agent_session

    async def _ask(self, session_id: str, text: str, key: str) -> None:
        content = {"type": "elicitation", "body": marked(text)}
        given = {"id": own_id(key), "agentSessionId": session_id, "content": content}
        await self._client.create("AgentActivityCreate", given)
