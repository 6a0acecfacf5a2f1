"""One Linear workspace in memory: what a person does in it, and what follows (webhooks, files)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from factory_core.errors import NotFound, Refused

from ..clock import Clock, iso
from ..node import Changed, Node, slug
from . import events, sessions

STATES = (
    ("Backlog", "backlog"),
    ("Ready for Agent", "unstarted"),
    ("In Progress", "started"),
    ("In Review", "started"),
    ("Done", "completed"),
    ("Canceled", "canceled"),
)
OWN_FIELDS = ("title", "description", "priority", "number")
REFERENCES = ("state", "project", "assignee", "delegate", "team")


@dataclass
class Linear:
    """Entities are dictionaries under Linear's own names, each holding its relatives themselves.

    One app is installed in every workspace: `client_id` is the same in all, its user is another one in each.
    """

    clock: Clock
    changed: Changed
    address: Callable[[], str]
    url_key: str = "acme"
    client_id: str = ""
    organization: Node = field(default_factory=dict)
    viewer: Node = field(default_factory=dict)
    users: list[Node] = field(default_factory=list)
    external_users: list[Node] = field(default_factory=list)
    teams: list[Node] = field(default_factory=list)
    labels: list[Node] = field(default_factory=list)
    projects: list[Node] = field(default_factory=list)
    issues: list[Node] = field(default_factory=list)
    sessions: list[Node] = field(default_factory=list)
    hooks: list[Node] = field(default_factory=list)
    uploads: dict[str, str] = field(default_factory=dict)
    sync_id: int = 0

    def __post_init__(self) -> None:
        new = self.clock.new_id
        self.organization = {
            "id": new(), "name": self.url_key.title(), "urlKey": self.url_key, "webhookId": new()
        }  # fmt: skip
        self.client_id = self.client_id or new()
        self.viewer = self.person("factory", app=True)

    # The people and things of the workspace, made when first named.

    def person(self, name: str, app: bool = False, guest: bool = False) -> Node:
        """The user of this name. A guest sees only the teams that they were invited to."""
        return self._named(
            self.users,
            name,
            lambda: {
                "displayName": name,
                "email": f"{slug(name)}@example.com",
                "url": f"{self.address()}/linear/profiles/{slug(name)}",
                "app": app,
                "active": True,
                "guest": guest,
                "organization": self.organization,
                "oauthClientId": self.client_id if app else None,
            },
        )

    def external_person(self, name: str) -> Node:
        """Somebody without an account, who writes through a synced Slack thread or an e-mail."""
        return self._named(
            self.external_users,
            name,
            lambda: {
                "displayName": name,
                "email": f"{slug(name)}@elsewhere.example",
                "organization": self.organization,
            },
        )

    def label(self, name: str, group: str = "") -> Node:
        """A label, or one in a label group; the group is a label that issues do not carry."""
        parent = self._named(self.labels, group, lambda: self._label(None, is_group=True)) if group else None
        return self._named(self.labels, name, lambda: self._label(parent))

    def _label(self, parent: Node | None, is_group: bool = False) -> Node:
        return {"color": "#4ea7fc", "parent": parent, "isGroup": is_group}

    def project(self, name: str) -> Node:
        return self._named(self.projects, name, lambda: {"url": f"{self.address()}/linear/project/{slug(name)}"})

    def team(self, key: str, states: Sequence[tuple[str, str]] = STATES) -> Node:
        """The team; `states` are the names and types of a new one's workflow."""
        known = next((t for t in self.teams if t["key"] == key), None)
        if known is None:
            known = {"id": self.clock.new_id(), "key": key, "name": key.title(), "states": [], "issueCount": 0}
            known["organization"] = self.organization
            known["states"] += [self._state(known, i, *state) for i, state in enumerate(states)]
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

    def add_team(self, key: str, states: Sequence[tuple[str, str]] = STATES) -> Node:
        """A team whose workflow has these states: name and type, in their order."""
        team = self.team(key, states)
        return {"id": team["id"], "key": key, "states": [state["name"] for state in team["states"]]}

    def add_label(self, name: str, group: str = "") -> Node:
        """A label, in a label group or not."""
        label = self.label(name, group)
        return {"id": label["id"], "name": name, "parent": label["parent"] and label["parent"]["name"]}

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
        number, key = self._next_key(home)
        at = self.clock.stamp()
        issue: Node = {
            "id": self.clock.new_id(),
            "identifier": key,
            "number": number,
            "title": title,
            "description": description,
            "priority": priority,
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
            "parent": None,
            "children": [],
            "relations": [],
            "inverseRelations": [],
            "previousIdentifiers": [],
            "states": [state],
            "history": [],
        }
        self._name(issue)
        self.issues.append(issue)
        self._announce_issue("create", issue, by)
        if delegate:
            self.change_issue(key, delegate=delegate, user=creator)
        return _shown(issue)

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
        return _shown(issue)

    def move_issue(self, key: str, team: str, user: str = "Ada") -> Node:
        """To another team: a new identifier, the state of the same kind there, and the same id.

        Comments and sessions afterwards name the issue by today's identifier and its id only.
        """
        issue, home = self.issue(key), self.team(team)
        if issue["team"] is home:
            raise Refused(f"{key} is in team {team}", why="it cannot be moved there", fix="factory sandbox --help")
        number, _ = self._next_key(home)
        issue["previousIdentifiers"] = [*issue["previousIdentifiers"], issue["identifier"]]
        state = _counterpart(issue["state"], home["states"])
        self.update(issue, {"team": home, "number": number, "state": state}, self.person(user))
        return _shown(issue)

    def remove_issue(self, key: str, user: str = "Ada") -> Node:
        """Put it in the bin."""
        issue = self.issue(key)
        issue.update(trashed=True, archivedAt=self.clock.stamp(), updatedAt=self._after(issue["updatedAt"]))
        self._announce_issue("remove", issue, self.person(user))
        return _shown(issue)

    def add_comment(
        self,
        key: str,
        body: str,
        user: str = "Ada",
        by: Literal["user", "guest", "external", "integration", "nobody"] = "user",
        files: Sequence[str] = (),
        parent: str | None = None,
    ) -> Node:
        """A comment by a member, a guest, somebody without an account, an integration, or Linear itself (nobody).

        Files are uploaded, and linked in the body.
        """
        links = [f"![{name}]({self.upload(name)})" for name in files]
        text = "\n\n".join([*([body] if body else []), *links])
        comment = self.comment(self.issue(key), text, self._author(user, by), parent=self.by_id("comment", parent))
        return {"id": comment["id"], "url": comment["url"]}

    def mention(self, key: str, body: str, user: str = "Ada") -> Node:
        """A person mentions the agent in a comment: that comment becomes the root of a session."""
        issue, by = self.issue(key), self.person(user)
        session = self.open_session(issue, by, self.comment(issue, f"@{self.viewer['name']} {body}", by))
        return {"id": session["id"]}

    def add_attachment(self, key: str, url: str, title: str = "", user: str = "Ada") -> Node:
        """A link that hangs on the issue (a document, a design, another tracker's ticket)."""
        issue, by, at = self.issue(key), self.person(user), self.clock.stamp()
        attachment: Node = {"id": self.clock.new_id(), "url": url, "title": title or url, "sourceType": "unknown"}
        attachment |= {
            "subtitle": None,
            "metadata": {},
            "createdAt": at,
            "updatedAt": at,
            "issue": issue,
            "creator": by,
        }
        issue["attachments"].append(attachment)
        self.changed("linear", "Attachment", events.attachment_event(attachment, self.organization, at), ())
        return {"id": attachment["id"], "url": url}

    def upload(self, name: str) -> str:
        """A file of this name; its address needs the workspace's credential."""
        id = self.clock.new_id()
        self.uploads[id] = name
        return f"{self.address()}/linear/uploads/{id}/{name}"

    def prompt(self, session: str, body: str, signal: Literal["stop"] | None = None, user: str = "Ada") -> Node:
        """A person writes in an agent session, or presses stop."""
        node, at = self.session(session), self.clock.stamp()
        activity = events.prompt_activity(self.clock.new_id(), node, self.person(user), body, signal, at)
        sessions.prompted(node, activity)
        self.changed("linear", "AgentSessionEvent", events.session_event(node, self.organization, at, activity), ())
        return {"id": activity["id"]}

    def age_session(self, session: str, seconds: float) -> Node:
        """Nothing happens in the session for so long: after half an hour it is stale."""
        node = self.session(session)
        sessions.age(node, seconds)
        sessions.refresh(node, self.clock.now())
        return {"id": session, "status": node["status"]}

    # What both people and the API do.

    def update(self, issue: Node, fields: Node, by: Node) -> None:
        """Set the fields that differ, remember the state's history, and announce the former values."""
        before = {name: issue[name] for name, value in fields.items() if issue[name] != value}
        if not before:
            return
        updated_from = {"updatedAt": issue["updatedAt"], **_previous(before)}
        issue.update(fields, updatedAt=self._after(issue["updatedAt"]))
        self._name(issue)
        if "state" in before and before["state"]["name"] != issue["state"]["name"]:
            issue["states"].append(issue["state"]["name"])
            issue["history"].insert(0, self._move(before["state"], issue, by))
        self._announce_issue("update", issue, by, updated_from)
        if "delegate" in before and issue["delegate"] is self.viewer and by is not self.viewer:
            self.open_session(issue, by)

    def _move(self, before: Node, issue: Node, by: Node) -> Node:
        entry: Node = {"id": self.clock.new_id(), "createdAt": issue["updatedAt"], "actorId": by["id"]}
        return entry | {"fromStateId": before["id"], "toStateId": issue["state"]["id"]}

    def comment(self, issue: Node, body: str, by: Node | None, *, id: str = "", parent: Node | None = None) -> Node:
        """`by` is a user, somebody external, an integration's bot, or None where Linear itself writes."""
        at = self.clock.stamp()
        comment: Node = {"id": id or self.clock.new_id(), "body": body, "createdAt": at, "updatedAt": at}
        comment.update(issue=issue, parent=parent, url=f"{issue['url']}#comment-{comment['id'][:8]}")
        comment.update(user=None, externalUser=None, botActor=None)
        comment[_author_field(by)] = by
        issue["comments"].append(comment)
        path = f"/linear/comments/{issue['identifier']}__{comment['id']}/meta.json"
        self.changed("linear", "Comment", events.comment_event(comment, self.organization, at), (path,))
        return comment

    def start_session(self, key: str, user: str = "", root_comment: bool = False) -> Node:
        """An agent session on an issue; without a `user` nobody created it (an automation, a workflow).

        `root_comment`: Linear writes the comment that the session hangs on, and that has no author.
        """
        issue = self.issue(key)
        text = f"This thread is for an agent session with {self.viewer['name']}."
        root = self.comment(issue, text, None) if root_comment else None
        return {"id": self.open_session(issue, self.person(user) if user else None, root)["id"]}

    def open_session(self, issue: Node, by: Node | None, comment: Node | None = None) -> Node:
        """An agent session on the issue; the AgentSessionEvent goes out at once."""
        id, at = self.clock.new_id(), self.clock.stamp()
        session: Node = {"id": id, "createdAt": at, "updatedAt": at, "issue": issue, "creator": by, "comment": comment}
        session.update(url=f"{issue['url']}#agent-session-{id[:8]}", appUser=self.viewer, **sessions.begun(at))
        self.sessions.append(session)
        self.changed("linear", "AgentSessionEvent", events.session_event(session, self.organization, at), ())
        return session

    def act(self, session: Node, id: str, content: Node, signal: str | None, ephemeral: bool = False) -> Node:
        """The agent's own activity; the session's status follows from it."""
        at = self.clock.stamp()
        activity: Node = {"id": id, "createdAt": at, "updatedAt": at, "content": content, "signal": signal}
        activity.update(user=self.viewer, ephemeral=ephemeral, agentSession=session)
        sessions.acted(session, activity)
        return activity

    def revoke_app(self) -> None:
        """The workspace takes the app's access away; its token is dealt with elsewhere."""
        body = events.revoked_event(self.client_id, self.organization, self.clock.stamp())
        self.changed("linear", "OAuthApp", body, ())

    def refresh_sessions(self) -> None:
        for session in self.sessions:
            sessions.refresh(session, self.clock.now())

    # Looking things up.

    def issue(self, key_or_id: str) -> Node:
        """By id, by today's identifier, or by one that it had in another team."""
        names = [(i, (i["id"], i["identifier"])) for i in self.issues]
        names += [(i, tuple(i["previousIdentifiers"])) for i in self.issues]
        return _found("Issue", key_or_id, (issue for issue, known in names if key_or_id in known))

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

    def _author(self, name: str, by: str) -> Node | None:
        if by == "nobody":
            return None
        if by == "external":
            return self.external_person(name)
        if by == "integration":
            return {"id": self.clock.new_id(), "name": name, "type": slug(name), "subType": None}
        return self.person(name, guest=by == "guest")

    def _next_key(self, team: Node) -> tuple[int, str]:
        """Numbers are used once, also those of issues that left the team."""
        team["issueCount"] += 1
        return team["issueCount"], f"{team['key']}-{team['issueCount']}"

    def _name(self, issue: Node) -> None:
        """What follows from the team, the number, the title and the priority."""
        key = f"{issue['team']['key']}-{issue['number']}"
        issue["identifier"] = key
        issue["priorityLabel"] = events.PRIORITIES[int(issue["priority"])]
        issue["url"] = f"{self.address()}/linear/issue/{key}/{slug(issue['title'])}"
        issue["branchName"] = f"{key.lower()}-{slug(issue['title'])}"

    def _after(self, last: str) -> str:
        """Now, and never the time of the change before: two changes of an issue are two moments."""
        return max(self.clock.stamp(), iso(datetime.fromisoformat(last) + timedelta(milliseconds=1)))

    def _announce_issue(self, action: str, issue: Node, by: Node, updated_from: Node | None = None) -> None:
        self.sync_id += 1
        body = events.issue_event(action, issue, by, self.organization, self.clock.stamp(), updated_from)
        self.changed("linear", "Issue", body, issue_paths(issue))


def _shown(issue: Node) -> Node:
    return {"id": issue["id"], "key": issue["identifier"], "url": issue["url"]}


def _author_field(by: Node | None) -> str:
    """The field of a comment's author; Linear's own comments have none."""
    if by is not None and "organization" not in by:
        return "botActor"
    return "externalUser" if by is not None and "app" not in by else "user"


def _counterpart(state: Node, states: Sequence[Node]) -> Node:
    """The state of the other team that has the same name, else the first of its kind, else the first."""
    same = [s for s in states if s["name"] == state["name"]] or [s for s in states if s["type"] == state["type"]]
    return (same or list(states))[0]


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
    references = {f"{name}Id": before[name] and before[name]["id"] for name in REFERENCES if name in before}
    return {**own, **references, **labels}


def _found(kind: str, name: str, candidates: Any) -> Node:
    node: Node | None = next(iter(candidates), None)
    if node is None:
        raise NotFound(f"Entity not found: {kind}", why=f"there is no {name!r}", fix="factory sandbox --help")
    return node
