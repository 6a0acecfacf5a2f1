"""What the outcomes of effects have in common: their ids, and what they need of the record."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..dispatch import events
from ..dispatch.effects import Planned
from ..dispatch.records import InFlightRecord
from ..dispatch.routing import Route
from ..errors import Terminal
from ..runs.run import RunReport


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
