"""Which repository an item belongs to: label → project → keyword → default. Never a guess.

Where rules of one rank lead to several repositories, or no rule leads to any, a person is asked; the answer decides for
the item, and is remembered for its project until the configuration decides by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from ..config import FactoryConfig
from ..text.foreign_text import printable
from ..text.normal_form import normal_form
from ..text.patterns import compiled
from ..work_item import Frozen, StoredModel, WorkItem
from .labels import plain
from .prose import prose_of

MOST_READ = 20_000  # characters of prose that keywords are looked for in
MOST_REMEMBERED = 40  # projects: the batch that holds them is written with every slot
MOST_PROJECT = 100  # characters of a project's name
MOST_NAMED, MOST_RULE = 5, 60  # rules that a reason names, and characters of one


class Route(StoredModel):
    """Where the work is done, by which engine, and why there."""

    repository: str
    base: str = "main"
    engine: str = ""
    why: str = ""
    chosen: bool = False  # by a person, for this item or for an earlier one of its project; else a rule decided


class Undecided(Frozen):
    """No rule decides: a person is asked. `repositories` are the answers that count, empty if there are none."""

    why: str  # a clause, as `2 rules match: label api → acme/api, label web → acme/web`
    rules: str = ""  # those that match, and lead to several repositories
    repositories: tuple[str, ...]


class RememberedRoute(StoredModel):
    """What a person chose for a project, in answer to the question about the item `key`."""

    repository: str
    key: str
    at: datetime


class Match(Frozen):
    """A rule of the configuration that holds for the item."""

    rule: str  # as the configuration spells it, with its kind: `label Area:API`
    repository: str

    def __str__(self) -> str:
        rule = self.rule if len(self.rule) <= MOST_RULE else f"{self.rule[:MOST_RULE]}…"
        return f"{rule} → {self.repository}"


def find_route(
    item: WorkItem,
    config: FactoryConfig,
    chosen: str = "",
    remembered: Mapping[str, RememberedRoute] | None = None,
) -> Route | Undecided:
    """The route of the first rank whose rules all lead to one repository.

    `chosen` is the repository that a person named for this item, `remembered` what people named for earlier ones, by
    project_name(). Either counts only between repositories that the configuration leaves open.
    """
    ranks = [tuple(rank) for rank in (_labels(item, config), _projects(item, config), _keywords(item, config))]
    found = next((rank for rank in ranks if rank), ())
    open_ones = tuple(dict.fromkeys(match.repository for match in found))
    if len(open_ones) == 1:
        others = [match for rank in ranks for match in rank if match.repository != open_ones[0]]
        also = f"; other rules that match: {_listed(others)}" if others else ""
        return route_to(open_ones[0], found[0].rule + also, config)
    if not open_ones and config.routing.default:
        return route_to(config.routing.default, "default: no rule matches", config)
    open_ones = open_ones or tuple(config.repositories)
    if chosen in open_ones:
        return route_to(chosen, "an answer on this ticket", config, chosen=True)
    known = (remembered or {}).get(project_name(item.project))
    if known and known.repository in open_ones:
        why = f"the answer on {known.key}, remembered for project {project_shown(item.project)}"
        return route_to(known.repository, why, config, chosen=True)
    return Undecided(why=_why_undecided(item, found), rules=_listed(found), repositories=open_ones)


def project_shown(name: str) -> str:
    """A project's name as people read it: on one line, without what is not text."""
    return " ".join(printable(name).split())[:MOST_PROJECT]


def project_name(name: str) -> str:
    """A project's name as it is compared, and kept; empty for no project."""
    return plain(normal_form(project_shown(name)))


def remember(
    remembered: Mapping[str, RememberedRoute], project: str, route: RememberedRoute
) -> dict[str, RememberedRoute]:
    """With this choice as the project's own and newest; the oldest are dropped."""
    kept = {name: known for name, known in remembered.items() if name != project_name(project)}
    newest = {**kept, project_name(project): route} if project_name(project) else kept
    return dict(list(newest.items())[-MOST_REMEMBERED:])


def route_to(repository: str, why: str, config: FactoryConfig, *, chosen: bool = False) -> Route:
    """The route to a repository of the configuration."""
    described = config.repositories[repository]
    engine = described.engine or config.agents.engine
    return Route(repository=repository, base=described.base, engine=engine, why=why, chosen=chosen)


def _labels(item: WorkItem, config: FactoryConfig) -> Iterator[Match]:
    known = {plain(label) for label in item.labels}
    for label, repository in config.routing.by_label.items():
        if plain(label) in known:
            yield Match(rule=f"label {label}", repository=repository)


def _projects(item: WorkItem, config: FactoryConfig) -> Iterator[Match]:
    for name, repository in config.routing.by_project.items():
        if project_name(name) and project_name(name) == project_name(item.project):
            yield Match(rule=f"project {name}", repository=repository)


def _keywords(item: WorkItem, config: FactoryConfig) -> Iterator[Match]:
    if config.routing.by_keyword:
        text = f"{item.title}\n{prose_of(item.description)}"[:MOST_READ]
        text = normal_form(text)
        for rule in config.routing.by_keyword:
            if compiled(rule.pattern).matches(text):
                yield Match(rule=f"keyword {rule.pattern}", repository=rule.repository)


def _why_undecided(item: WorkItem, found: tuple[Match, ...]) -> str:
    if found:
        return f"{len(found)} rules match: {_listed(found)}"
    project = project_shown(item.project)
    return f"no rule names a repository for project {project}" if project else "no rule names a repository for it"


def _listed(matches: list[Match] | tuple[Match, ...]) -> str:
    left = len(matches) - MOST_NAMED
    return ", ".join([*map(str, matches[:MOST_NAMED]), *([f"{left} more"] if left > 0 else [])])
