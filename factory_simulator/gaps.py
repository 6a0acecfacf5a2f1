"""After a gap in which events may have been lost, what waits is read again soon, and not all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from factory_core.dispatch.batch import CatchUp
from factory_core.dispatch.records import InFlightRecord, State

if TYPE_CHECKING:
    from .process import Process

MINUTE = 60.0
LISTS = 5  # that are asked of vendors before the last item, each at a tick of its own while nothing else is due
MOST_LOOKS = 60  # that come before the last item of a schedule's few tickets
FOLLOWED = frozenset({State.WAITING, State.QUEUED, State.DISPATCHING, State.RUNNING, State.IN_REVIEW, State.BLOCKED})
# stated anew, for the product's own order of looks is what is judged here


class Gap:
    """A process of the tenant heard nothing, and hears again from now on."""

    def __init__(self, process: Process, tenant: int) -> None:
        self._process, self._simulation, self._tenant = process, process.simulation, tenant
        simulation = self._simulation
        self._within = (2 + LISTS) * MINUTE + MOST_LOOKS * MINUTE / simulation.schedule.rules.looks
        self._began = simulation.loop.time()
        records = simulation.ledgers[tenant].records
        self._waited = {key: record for key, record in records.items() if record.state in FOLLOWED}

    def look(self) -> None:
        """Were they all read within that time in which nothing else went wrong?"""
        if self._waited:
            trouble = max(0.0, self._simulation.struck_at - self._simulation.loop.time())
            if trouble:  # its clock ticks on, and it may not have been able to store the gap yet
                self._simulation.later(trouble, self._tick)
            self._simulation.later(trouble + self._within, self._see)

    def _tick(self) -> None:
        if not self._process.dead:
            self._process.check_in(self._tenant)

    def _see(self) -> None:
        simulation = self._simulation
        if simulation.loop.time() - simulation.struck_at < self._within or not simulation.is_everybody_there():
            self._tick()
            self.look()
            return
        records = simulation.ledgers[self._tenant].records
        for key, before in self._waited.items():
            now = records.get(key)
            if now and (now.state, now.since) == (before.state, before.since) and (what := self._unread(now)):
                simulation.broken("looked-at-after-a-gap", f"{key} is {now.state}, and nobody read its {what}")

    def _unread(self, record: InFlightRecord) -> str:
        """What of it was not read since then, and is not going to be."""
        outside, plans = self._simulation.outside[self._tenant], {planned.effect.kind for planned in record.outbox}
        pull = record.pull_request if record.state in (State.IN_REVIEW, State.BLOCKED) else None
        if pull and "read_pull_request" not in plans and outside.target.read_at.get(pull.number, -1.0) < self._began:
            return "pull request"
        is_read = "read_item" in plans or outside.tracker.read_at.get(record.work_item_id, -1.0) >= self._began
        return "" if is_read else "ticket"


def too_many_looks(
    before: CatchUp | None, after: CatchUp | None, per_minute: int, spent: list[tuple[float, int]], now: float
) -> str:
    """Why this write tells of more looks than a minute may have; `spent`: when how many were stored, oldest first."""
    if after is None or before is None or after.looks == before.looks:
        return ""
    more = after.looks - before.looks if after.began == before.began else after.looks
    spent.append((now, more))
    while spent[0][0] <= now - MINUTE:
        spent.pop(0)
    looks = sum(count for _, count in spent)
    return f"{looks} looks in a minute, and {per_minute} may be" if looks > 2 * per_minute else ""
