"""One issue of Linear becomes a WorkItem, from a webhook or from the API: the two differ only in how labels come.

Read leniently: real deliveries lack fields that Linear's own schema promises, and carry others that it does not know.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from factory_core.config import Linear
from factory_core.work_item import ItemState, Source, WorkItem, identity

_ENDED = {"completed": ItemState.DONE, "canceled": ItemState.CANCELLED, "duplicate": ItemState.CANCELLED}
NOT_BEGUN = frozenset({"backlog", "unstarted"})

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,40}-[0-9]{1,12}$")]  # it goes into keys and branch names


class Node(BaseModel):
    """Something of Linear's, of which only the fields that we use are read."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, alias_generator=to_camel, populate_by_name=True)


class Named(Node):
    id: str | None = None
    name: str | None = None


class Person(Named):
    email: str | None = None


class WorkflowState(Node):
    """`type` is triage, backlog, unstarted, started, completed, canceled or duplicate."""

    id: str
    name: str
    type: str = ""


class Organization(Node):
    id: str


class Team(Node):
    key: str
    organization: Organization | None = None


def _flat(labels: object) -> object:
    """A list in webhooks, `{nodes: […]}` in answers."""
    return labels.get("nodes") if isinstance(labels, dict) else labels


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
    labels: Annotated[tuple[Named, ...] | None, BeforeValidator(_flat)] = None
    creator: Person | None = None
    delegate: Named | None = None
    delegate_id: str | None = None


def vendor_id(item_id: str) -> str:
    """What Linear calls the item of this id: its UUID; a key is taken as it is."""
    return item_id.removeprefix(identity("linear", ""))


def read_issue(node: IssueNode, linear: Linear) -> WorkItem | None:
    """The work item; None for an issue in the trash, and for a stub that says too little to judge by."""
    if node.trashed or node.title is None or node.state is None or node.labels is None:
        return None
    creator = node.creator or Person()
    return WorkItem(
        id=identity("linear", node.id),
        key=node.identifier,
        former_keys=node.previous_identifiers or (),
        title=node.title,
        description=node.description or "",
        state=_state(node, node.state, linear),
        labels=tuple(label.name for label in node.labels if label.name),
        priority=int(node.priority or 0),
        project=(node.project.name if node.project else None) or "",
        reporter=creator.name or creator.id or "",
        reporter_id=creator.id or "",
        source=Source(provider="linear", external_id=node.id, organisation=_organisation(node), url=node.url or ""),
        updated_at=node.updated_at,
        metadata=_metadata(node, node.state, creator),
    )


def _organisation(node: IssueNode) -> str:
    return node.team.organization.id if node.team and node.team.organization else ""


def of_team(identifier: str, linear: Linear) -> bool:
    """Does the issue belong to the team that we work for? No team configured: to every one."""
    return not linear.team or identifier.rpartition("-")[0].casefold() == linear.team.casefold()


def _state(node: IssueNode, state: WorkflowState, linear: Linear) -> ItemState:
    """The type says what is over; names say where the rest stands; what is delegated to us and not begun is ready."""
    if not of_team(node.identifier, linear):
        return ItemState.OTHER
    if state.type in _ENDED:
        return _ENDED[state.type]
    for mapped, name in linear.states.items():
        if name.casefold() == state.name.casefold():
            return ItemState(mapped)
    delegate = node.delegate_id or (node.delegate.id if node.delegate else None)
    ours = bool(linear.app_user_id) and delegate == linear.app_user_id
    return ItemState.READY if ours and state.type in NOT_BEGUN else ItemState.OTHER


def _metadata(node: IssueNode, state: WorkflowState, creator: Person) -> dict[str, Any]:
    known = {
        "team": node.team.key if node.team else None,
        "state": state.name,
        "state_id": state.id,
        "branch": node.branch_name,
        "creator_email": creator.email,
    }
    return {name: value for name, value in known.items() if value}
