"""Which repository an item belongs to: label → project → keyword → default → none. Never a guess."""

from __future__ import annotations

import re

from ..config import FactoryConfig
from ..work_item import Frozen, WorkItem
from .labels import first_of


class Route(Frozen):
    """Where the work is done, by which engine, and why there."""

    repository: str
    base: str = "main"
    engine: str = ""
    why: str = ""


def route(item: WorkItem, config: FactoryConfig) -> Route | None:
    """The first rule that answers; None when none does, and then nothing is dispatched."""
    repository, why = (
        _by_label(item, config) or _by_project(item, config) or _by_keyword(item, config) or _default(config)
    )
    if not repository:
        return None
    described = config.repositories[repository]
    engine = described.engine or config.agents.engine
    return Route(repository=repository, base=described.base, engine=engine, why=why)


def _by_label(item: WorkItem, config: FactoryConfig) -> tuple[str, str] | None:
    label = first_of(config.routing.by_label, item.labels)
    return (config.routing.by_label[label], f"label {label}") if label else None


def _by_project(item: WorkItem, config: FactoryConfig) -> tuple[str, str] | None:
    for name, repository in config.routing.by_project.items():
        if name.casefold() == item.project.casefold():
            return repository, f"project {name}"
    return None


def _by_keyword(item: WorkItem, config: FactoryConfig) -> tuple[str, str] | None:
    text = f"{item.title}\n{item.description}"
    for rule in config.routing.by_keyword:
        if re.search(rule.pattern, text[:20_000], re.IGNORECASE):
            return rule.repository, f"keyword {rule.pattern}"
    return None


def _default(config: FactoryConfig) -> tuple[str, str]:
    return config.routing.default, "default" if config.routing.default else ""
