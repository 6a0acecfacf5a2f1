"""What the outcomes of effects have in common: their ids, and what they need of the record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, NamedTuple

from ..dispatch import events
from ..dispatch.batch import Batch
from ..dispatch.effects import Planned
from ..dispatch.records import ClarificationRecord, InFlightRecord
from ..dispatch.routing import Route
from ..errors import Terminal
from ..runs.run import RunReport


class Notice(NamedTuple):
    """A line in the log for the operator; it is written once what it says is saved."""

    level: int
    text: str
    about: dict[str, str]


class Outcome(NamedTuple):
    """What performing an effect brought: an event for the machine, and what must be stored with the record."""

    event: events.Event | None = None
    batch: Batch | None = None
    clarification: ClarificationRecord | None = None
    granted: tuple[str, ...] = ()  # other items that got a slot by it
    notices: tuple[Notice, ...] = ()
    forget: bool = False


Finish = Callable[[], Awaitable[Outcome]]
"""The half of an effect that only touches the store: done anew whenever the save meets a conflict."""

PerformEffect = Callable[[InFlightRecord, Planned], Awaitable[Outcome | Finish]]


def about(record: InFlightRecord, planned: Planned, now: datetime) -> dict[str, Any]:
    """What every outcome event starts with: an id that is the effect's own."""
    return {"id": f"{planned.key}:outcome", "work_item_id": record.work_item_id, "at": now}


def begun(report: RunReport, now: datetime) -> events.RunSeen:
    """The event of a run's first heartbeat; its id is the run's, so that it counts once."""
    return events.RunSeen(id=f"run:{report.run_id}:begun", work_item_id=report.work_item_id, at=now, report=report)


def ended(report: RunReport, now: datetime) -> events.AgentFinished:
    """The event of a run's end; its id is the run's, so that the first end counts and the second is a repeat.

    It happens when it is heard, which may be days after the agent ended: a question has all its time from then on.
    """
    return events.AgentFinished(
        id=f"run:{report.run_id}:ended", work_item_id=report.work_item_id, at=now, report=report
    )


def routed(record: InFlightRecord) -> Route:
    """The item's route; without one nothing can be done for it."""
    if record.route is None:
        raise Terminal(f"{record.key} has no repository", why="it was never routed", fix=f"factory status {record.key}")
    return record.route
