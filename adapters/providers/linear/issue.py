"""One issue of Linear becomes a WorkItem, from a webhook or from the API: the two differ only in how lists come.

Read leniently: real deliveries lack fields that Linear's own schema promises, and carry others that it does not know.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, Field, ValidationError

from factory_core.dispatch.comments import MARK
from factory_core.work_item import Attachment, ItemState, Note, Source, WorkItem, identity

from .marks import OURS
from .pages import Node, Page
from .settings import LinearSettings
from .workflow import WorkflowState, chosen, mapped, missing, name_of, same

_ENDED = {"completed": ItemState.DONE, "canceled": ItemState.CANCELLED, "duplicate": ItemState.CANCELLED}
NOT_BEGUN = frozenset({"backlog", "unstarted"})
MOST_NOTES, MOST_NOTE, MOST_NOTES_TEXT = 20, 2_000, 12_000  # comments, characters of one, and of all together
MOST_ATTACHMENTS, MOST_TITLE = 20, 200

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,40}-[0-9]{1,12}$")]  # it goes into keys and branch names


class Named(Node):
    id: str | None = None
    name: str | None = None


class Person(Named):
    email: str | None = None


class Label(Named):
    """`parent` is the group; webhooks name it only by its id."""

    parent: Label | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """`exec:pair` and `pair` for `pair` in the group `exec`."""
        if not self.name:
            return ()
        above = self.parent.names if self.parent else ()
        return (*(f"{group}:{self.name}" for group in above), self.name)


class Writer(Named):
    app: bool | None = None


class CommentNode(Node):
    id: str
    body: str | None = None
    created_at: AwareDatetime
    user: Writer | None = None
    external_user: Named | None = None
    bot_actor: Named | None = None


class AttachmentNode(Node):
    title: str | None = None
    url: str | None = None


class Organization(Node):
    id: str


class Team(Node):
    key: str
    organization: Organization | None = None


class Related(Node):
    """Another issue, as far as a relation needs it."""

    identifier: Identifier
    state: WorkflowState | None = None

    @property
    def is_open(self) -> bool:
        return self.state is None or self.state.type not in _ENDED


class Relation(Node):
    """`type` is blocks, duplicate or related; it leads from `issue` to `related_issue`."""

    type: str
    issue: Related | None = None
    related_issue: Related | None = None


class IssueNode(Node):
    id: str = Field(min_length=1)
    identifier: Identifier
    previous_identifiers: tuple[Identifier, ...] | None = None
    title: str | None = None
    description: str | None = None
    url: str | None = None
    branch_name: str | None = None
    priority: float | None = Field(default=None, ge=0, le=4)
    updated_at: AwareDatetime | None = None
    trashed: bool | None = None
    state: WorkflowState | None = None
    team: Team | None = None
    project: Named | None = None
    labels: Page[Label] | None = None
    creator: Person | None = None
    delegate: Named | None = None
    delegate_id: str | None = None
    comments: Page[CommentNode] | None = None
    attachments: Page[AttachmentNode] | None = None
    parent: Related | None = None
    children: Page[Related] | None = None
    relations: Page[Relation] | None = None
    inverse_relations: Page[Relation] | None = None

    @property
    def open_children(self) -> tuple[str, ...]:
        return tuple(one.identifier for one in (self.children.nodes if self.children else ()) if one.is_open)

    @property
    def blocked_by(self) -> tuple[str, ...]:
        """Issues that this one waits for, as long as they are open."""
        listed = self.inverse_relations.nodes if self.inverse_relations else ()
        blockers = (one.issue for one in listed if one.type == "blocks")
        return tuple(one.identifier for one in blockers if one and one.is_open)

    @property
    def duplicate_of(self) -> str:
        listed = self.relations.nodes if self.relations else ()
        originals = (one.related_issue.identifier for one in listed if one.type == "duplicate" and one.related_issue)
        return next(originals, "")

    @property
    def delegated_to(self) -> str:
        return self.delegate_id or (self.delegate.id if self.delegate else None) or ""


class Change(Node):
    """One entry of an issue's history."""

    created_at: AwareDatetime
    actor_id: str | None = None
    to_state_id: str | None = None


class Moves(Node):
    state: Named | None = None
    history: Page[Change] | None = None


def moved_by(given: object, user_id: str) -> bool:
    """Is this user the one who put the issue where it is, as far as its newest history shows?"""
    try:
        read = Moves.model_validate(given)
    except ValidationError:
        return False
    moves = sorted((one for one in (read.history.nodes if read.history else ()) if one.to_state_id), key=_when)
    return bool(moves and read.state and moves[-1].to_state_id == read.state.id and moves[-1].actor_id == user_id)


def _when(change: Change) -> datetime:
    return change.created_at


def vendor_id(item_id: str) -> str:
    """What Linear calls the item of this id: its UUID; a key is taken as it is."""
    return item_id.removeprefix(identity("linear", ""))


def read_issue(node: IssueNode, linear: LinearSettings, states: Sequence[WorkflowState] = ()) -> WorkItem | None:
    """The work item; None for an issue in the trash, and for a stub that says too little to judge by.

    `states` are those of its team, where they are known: they tell what a state of another name stands for.
    """
    if node.trashed or node.title is None or node.state is None or node.labels is None:
        return None
    creator = node.creator or Person()
    state = _state(node, node.state, linear, states)
    return WorkItem(
        id=identity("linear", node.id),
        key=node.identifier,
        former_keys=node.previous_identifiers or (),
        title=node.title,
        description=node.description or "",
        state=state,
        labels=tuple(dict.fromkeys(name for label in node.labels.nodes for name in label.names)),
        priority=int(node.priority or 0),
        project=(node.project.name if node.project else None) or "",
        reporter=creator.name or creator.id or "",
        reporter_id=creator.id or "",
        comments=_notes(node, linear),
        attachments=_attachments(node),
        parent=node.parent.identifier if node.parent else "",
        children=node.open_children,
        blocked_by=node.blocked_by,
        duplicate_of=node.duplicate_of,
        hint=_hint(node, linear, states) if state is ItemState.OTHER else "",
        source=Source(provider="linear", external_id=node.id, organisation=_organisation(node), url=node.url or ""),
        updated_at=node.updated_at,
        metadata=_metadata(node, node.state, creator),
    )


def _organisation(node: IssueNode) -> str:
    return node.team.organization.id if node.team and node.team.organization else ""


def of_team(identifier: str, linear: LinearSettings) -> bool:
    """Does the issue belong to the team that we work for? No team configured: to every one."""
    return not linear.team or team_of(identifier).casefold() == linear.team.strip().casefold()


def team_of(identifier: str) -> str:
    return identifier.rpartition("-")[0]


def _state(node: IssueNode, state: WorkflowState, linear: LinearSettings, states: Sequence[WorkflowState]) -> ItemState:
    """The type says what is over; names say where the rest stands; what is delegated to us and not begun is ready."""
    if not of_team(node.identifier, linear):
        return ItemState.OTHER
    if state.type in _ENDED:
        return _ENDED[state.type]
    named = mapped(state.name, linear)
    if named:
        return named
    if linear.app_user_id and node.delegated_to == linear.app_user_id and state.type in NOT_BEGUN:
        return ItemState.READY
    in_its_place = chosen(states, ItemState.DISPATCHED, linear)
    return ItemState.DISPATCHED if in_its_place and in_its_place.id == state.id else ItemState.OTHER


def _hint(node: IssueNode, linear: LinearSettings, states: Sequence[WorkflowState]) -> str:
    """What would make it ready."""
    if not of_team(node.identifier, linear):
        return f"It belongs to team {team_of(node.identifier)}, and this factory works for team {linear.team}."
    delegate = " Or delegate it to the factory's user." if linear.app_user_id else ""
    ready = name_of(ItemState.READY, linear)
    if states and not any(same(ready, state.name) for state in states):
        lacks = missing(team_of(node.identifier), states, ItemState.READY, linear)
        return f"{lacks.what}; {lacks.why}. {lacks.fix}.{delegate}"
    return f"Move it to the state “{ready}”.{delegate}"


def _notes(node: IssueNode, linear: LinearSettings) -> tuple[Note, ...]:
    """The newest comments, oldest first; neither the factory's own nor those that nobody wrote."""
    newest_first = sorted(node.comments.nodes if node.comments else (), key=lambda one: one.created_at, reverse=True)
    notes, left = list[Note](), MOST_NOTES_TEXT
    for note in _written(newest_first, linear):
        if len(notes) == MOST_NOTES or left <= 0:
            break
        notes.append(note.model_copy(update={"text": note.text[: min(MOST_NOTE, left)]}))
        left -= len(notes[-1].text)
    return tuple(reversed(notes))


def _written(comments: Sequence[CommentNode], linear: LinearSettings) -> Iterator[Note]:
    for comment in comments:
        text, user = (comment.body or "").strip(), comment.user or Writer()
        writer = comment.external_user or comment.bot_actor or Named()
        author = user.name or user.id or writer.name or writer.id or ""
        ours = OURS in text or MARK in text or bool(user.id and user.id == linear.app_user_id)
        if author and text and not ours:
            by_app = bool(user.app) or comment.bot_actor is not None
            yield Note(id=comment.id, author=author, text=text, at=comment.created_at, by_app=by_app)


def _attachments(node: IssueNode) -> tuple[Attachment, ...]:
    listed = (one for one in (node.attachments.nodes if node.attachments else ()) if one.url)
    found = [Attachment(title=(one.title or one.url or "")[:MOST_TITLE], url=one.url or "") for one in listed]
    return tuple(found[:MOST_ATTACHMENTS])


def _metadata(node: IssueNode, state: WorkflowState, creator: Person) -> dict[str, Any]:
    known = {
        "team": node.team.key if node.team else None,
        "state": state.name,
        "state_id": state.id,
        "branch": node.branch_name,
        "creator_email": creator.email,
        "delegate": node.delegated_to,
    }
    return {name: value for name, value in known.items() if value}
