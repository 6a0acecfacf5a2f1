"""Every schedule that ever broke a law, whole, oldest first: found.jsonl, a line each, with what it found.

A schedule plays the same whatever is drawn from its number later. To keep a new one, put the JSON that
`factory simulate --save` wrote for it on a line of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from factory_simulator.schedule import Schedule
from factory_simulator.simulation import Simulation

FOUND = [
    (kept["found"], Schedule.model_validate(kept["schedule"]))
    for kept in map(json.loads, (Path(__file__).parent / "found.jsonl").read_text().splitlines())
]
NEWEST = [schedule for _, schedule in FOUND[-10:]]


def broken(schedules: Iterable[Schedule], store: str) -> list[tuple[int, str, str]]:
    """The seed, the law and the reason of each schedule that breaks a law over this store."""
    played = (Simulation(schedule.model_copy(update={"store": store})).play() for schedule in schedules)
    return [(one.schedule.seed, one.violation.law, one.violation.why) for one in played if one.violation]
