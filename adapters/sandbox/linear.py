"""One Linear workspace in memory: what a person does in it, and what follows (webhooks, files)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from factory_core.errors import NotFound

from . import linear_events as events
from .clock import Clock, iso
from .linear_events import slug
from .node import Changed, Node

STATES = (
    ("Backlog", "backlog"),
    ("Ready for Agent", "unstarted"),
    ("In Progress", "started"),
    ("In Review", "started"),
    ("Done", "completed"),
    ("Canceled", "canceled"),
)
FOLLOWS: dict[str, str] = {"elicitation": "awaitingInput", "response": "complete", "error": "error"}
OWN_FIELDS = ("title", "description", "priority")


@dataclass
class Linear:
    """Entities are dictionaries under Linear's own names, each holding its relatives themselves."""

    clock: Clock
    changed: Changed
    address: Callable[[], str]
    organization: Node = field(default_factory=dict)
    viewer: Node = field(default_factory=dict)
    users: list[Node] = field(default_factory=list)
    teams: list[Node] = field(default_factory=list)
    labels: list[Node] = field(default_factory=list)
    projects: list[Node] = field(default_factory=list)
    issues: list[Node] = field(default_factory=list)
    sessions: list[Node] = field(default_factory=list)
    hooks: list[Node] = field(default_factory=list)
    sync_id: int = 0

    def __post_init__(self) -> None:
        new = self.clock.new_id
        self.organization = {"id": new(), "name": "Acme", "urlKey": "acme", "webhookId": new()}
        self.viewer = self.person("factory", app=True)

    # The people and things of the workspace, made when first named.

    def person(self, name: str, app: bool = False) -> Node:
        """The user of this name."""
        return self._named(
            self.users,
            name,
            lambda: {
                "displayName": name,
                "email": f"{slug(name)}@example.com",
                "url": f"{self.address()}/linear/profiles/{slug(name)}",
                "app": app,
                "active": True,
                "organization": self.organization,
                "oauthClientId": self.clock.new_id() if app else None,
            },
        )

    def label(self, name: str) -> Node:
        return self._named(self.labels, name, lambda: {"color": "#4ea7fc"})

    def project(self, name: str) -> Node:
        return self._named(self.projects, name, lambda: {"url": f"{self.address()}/linear/project/{slug(name)}"})

    def team(self, key: str) -> Node:
        """The team, with the usual states of the workflow."""
        known = next((t for t in self.teams if t["key"] == key), None)
        if known is None:
            known = {"id": self.clock.new_id(), "key": key, "name": key.title(), "states": []}
            known["organization"] = self.organization
            known["states"] += [self._state(known, i, *state) for i, state in enumerate(STATES)]
            self.teams.append(known)
        return known

    def _state(self, team: Node, position: int, name: str, kind: str) -> Node:
        id = self.clock.new_id()
        return {"id": id, "name": name, "type": kind, "position": position, "color": "#e2e2e2", "team": team}

    def _named(self, known: list[Node], name: str, rest: Callable[[], Node]) -> Node:
        found = next((node for node in known if node["name"] == name), None)
        if found is None:
            found = {"id": self.clock.new_id(), "name": name, **rest()}
            known.append(found)
        return found

    # What a person does.

    def create_issue(
        self,
        title: str,
        description: str = "",
        labels: Sequence[str] = (),
        project: str | None = None,
        state: str = "Backlog",
        priority: Literal[0, 1, 2, 3, 4] = 0,
        creator: str = "Ada",
        team: str = "DEMO",
        delegate: str | None = None,
    ) -> Node:
        """A new issue; gives its `id`, `key` and `url`. The Issue create event goes out."""
        home, by = self.team(team), self.person(creator)
        number = 1 + sum(issue["team"] is home for issue in self.issues)
        key, at = f"{team}-{number}", self.clock.stamp()
        issue: Node = {
            "id": self.clock.new_id(),
            "identifier": key,
            "number": number,
            "title": title,
            "description": description,
            "url": f"{self.address()}/linear/issue/{key}/{slug(title)}",
            "branchName": f"{key.lower()}-{slug(title)}",
            "priority": priority,
            "priorityLabel": events.PRIORITIES[priority],
            "createdAt": at,
            "updatedAt": at,
            "archivedAt": None,
            "trashed": False,
            "team": home,
            "state": self.state_named(home, state),
            "labels": [self.label(name) for name in labels],
            "project": self.project(project) if project else None,
            "creator": by,
            "assignee": None,
            "delegate": None,
            "comments": [],
            "attachments": [],
            "previousIdentifiers": [],
            "history": [state],
        }
        self.issues.append(issue)
        self._tell_issue("create", issue, by)
        if delegate:
            self.change_issue(key, delegate=delegate, user=creator)
        return {"id": issue["id"], "key": key, "url": issue["url"]}

    def change_issue(
        self,
        key: str,
        title: str | None = None,
        description: str | None = None,
        labels: Sequence[str] | None = None,
        project: str | None = None,
        state: str | None = None,
        priority: Literal[0, 1, 2, 3, 4] | None = None,
        delegate: str | None = None,
        user: str = "Ada",
    ) -> Node:
        """A person edits it; what is not named stays. An empty `delegate` takes the delegation back."""
        issue = self.issue(key)
        new: Node = {"title": title, "description": description, "priority": priority}
        new["labels"] = None if labels is None else [self.label(name) for name in labels]
        new["state"] = None if state is None else self.state_named(issue["team"], state)
        new["project"] = None if project is None else self.project(project)
        fields = {name: value for name, value in new.items() if value is not None}
        if delegate is not None:
            fields["delegate"] = self.person(delegate, app=True) if delegate else None
        self.update(issue, fields, self.person(user))
        return {"id": issue["id"], "key": key, "url": issue["url"]}

    def remove_issue(self, key: str, user: str = "Ada") -> Node:
        """Put it in the bin."""
        issue = self.issue(key)
        issue.update(trashed=True, archivedAt=self.clock.stamp(), updatedAt=self._after(issue["updatedAt"]))
        self._tell_issue("remove", issue, self.person(user))
        return {"id": issue["id"], "key": key, "url": issue["url"]}

    def add_comment(self, key: str, body: str, user: str = "Ada") -> Node:
        comment = self.comment(self.issue(key), body, self.person(user))
        return {"id": comment["id"], "url": comment["url"]}

    def prompt(self, session: str, body: str, signal: Literal["stop"] | None = None, user: str = "Ada") -> Node:
        """A person writes in an agent session, or presses stop."""
        node = self.session(session)
        at = self.clock.stamp()
        activity = events.prompt_activity(self.clock.new_id(), node, self.person(user), body, signal, at)
        node["activities"].append({**activity, "agentSession": node})
        self.changed("linear", "AgentSessionEvent", events.session_event(node, self.organization, at, activity), ())
        return {"id": activity["id"]}

    # What both people and the API do.

    def update(self, issue: Node, fields: Node, by: Node) -> None:
        """Set the fields that differ, remember the state's history, and say what was there before."""
        before = {name: issue[name] for name, value in fields.items() if issue[name] != value}
        if not before:
            return
        updated_from = {"updatedAt": issue["updatedAt"], **_previous(before)}
        issue.update(fields, updatedAt=self._after(issue["updatedAt"]))
        issue["priorityLabel"] = events.PRIORITIES[int(issue["priority"])]
        if "state" in before:
            issue["history"].append(issue["state"]["name"])
        self._tell_issue("update", issue, by, updated_from)
        if "delegate" in before and issue["delegate"] is self.viewer and by is not self.viewer:
            self.open_session(issue, by)

    def comment(self, issue: Node, body: str, by: Node, *, id: str = "", parent: Node | None = None) -> Node:
        at = self.clock.stamp()
        comment: Node = {"id": id or self.clock.new_id(), "body": body, "createdAt": at, "updatedAt": at, "user": by}
        comment.update(issue=issue, parent=parent, botActor=None, url=f"{issue['url']}#comment-{comment['id'][:8]}")
        issue["comments"].append(comment)
        path = f"/linear/comments/{issue['identifier']}__{comment['id']}/meta.json"
        self.changed("linear", "Comment", events.comment_event(comment, self.organization, at), (path,))
        return comment

    def open_session(self, issue: Node, by: Node) -> Node:
        """An agent session on the issue; Linear tells the agent at once."""
        id, at = self.clock.new_id(), self.clock.stamp()
        session: Node = {"id": id, "createdAt": at, "status": "pending", "issue": issue, "creator": by}
        session.update(
            url=f"{issue['url']}#agent-session-{id[:8]}", appUser=self.viewer, externalUrls=[], activities=[]
        )
        self.sessions.append(session)
        self.changed("linear", "AgentSessionEvent", events.session_event(session, self.organization, at), ())
        return session

    def act(self, session: Node, id: str, content: Node, signal: str | None) -> Node:
        """The agent's own activity; the session's status follows from it."""
        at = self.clock.stamp()
        activity: Node = {"id": id, "createdAt": at, "content": content, "signal": signal, "user": self.viewer}
        activity["agentSession"] = session
        session["activities"].append(activity)
        session["status"] = FOLLOWS.get(str(content.get("type")), "active")
        return activity

    # Looking things up.

    def issue(self, key_or_id: str) -> Node:
        return _found("Issue", key_or_id, (i for i in self.issues if key_or_id in (i["id"], i["identifier"])))

    def session(self, id: str) -> Node:
        return _found("AgentSession", id, (s for s in self.sessions if s["id"] == id))

    def state_named(self, team: Node, name: str) -> Node:
        return _found("WorkflowState", name, (s for s in team["states"] if s["name"].lower() == name.lower()))

    def by_id(self, kind: str, id: str | None) -> Node | None:
        """Any entity by its id, for references in the API's inputs."""
        if id is None:
            return None
        known = {
            "state": [state for team in self.teams for state in team["states"]],
            "project": self.projects,
            "user": self.users,
            "label": self.labels,
            "comment": [comment for issue in self.issues for comment in issue["comments"]],
            "activity": [activity for session in self.sessions for activity in session["activities"]],
            "hook": self.hooks,
        }[kind]
        return _found(kind.title(), id, (node for node in known if node["id"] == id))

    def _after(self, last: str) -> str:
        """Now, and never the time of the change before: two changes of an issue are two moments."""
        return max(self.clock.stamp(), iso(datetime.fromisoformat(last) + timedelta(milliseconds=1)))

    def _tell_issue(self, action: str, issue: Node, by: Node, updated_from: Node | None = None) -> None:
        self.sync_id += 1
        body = events.issue_event(action, issue, by, self.organization, self.clock.stamp(), updated_from)
        self.changed("linear", "Issue", body, issue_paths(issue))


def issue_paths(issue: Node) -> tuple[str, ...]:
    """The canonical file of an issue in relayfile, and four aliases of it."""
    key, root = issue["identifier"], "/linear/issues"
    return (
        f"{root}/{key}__{issue['id']}.json",
        f"{root}/by-uuid/{issue['id']}.json",
        f"{root}/by-id/{key}.json",
        f"{root}/by-state/{slug(issue['state']['name'])}/{key}.json",
        f"{root}/by-title/{slug(issue['title'])}/{key}.json",
    )


def _previous(before: Node) -> Node:
    """Former values as Linear gives them: references as ids."""
    labels = {"labelIds": [label["id"] for label in before["labels"]]} if "labels" in before else {}
    own = {name: before[name] for name in OWN_FIELDS if name in before}
    references = {
        f"{name}Id": before[name] and before[name]["id"]
        for name in ("state", "project", "assignee", "delegate")
        if name in before
    }
    return {**own, **references, **labels}


def _found(kind: str, name: str, candidates: Any) -> Node:
    node: Node | None = next(iter(candidates), None)
    if node is None:
        raise NotFound(f"Entity not found: {kind}", why=f"there is no {name!r}", fix="factory sandbox --help")
    return node
