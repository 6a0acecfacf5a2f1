"""What people said and wrote, and which agent has to be told. Each saying has a mark by which it is known again."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from factory_core.dispatch.effects import StartAgent
from factory_core.dispatch.events import CommentAdded, ReplyReceived
from factory_core.dispatch.records import ENDED, InFlightRecord, State
from factory_core.runs.run import RunOrder

from .world import Truth

REST = ENDED | {State.NEW}
AT_WORK = frozenset({State.DISPATCHING, State.RUNNING})
TALKS = frozenset({State.RUNNING, State.IN_REVIEW, State.MERGING})


class Words:
    """Of one tenant. `versions`: every version of every record, as stored. `stale`: a read may show the text before."""

    def __init__(
        self, versions: Mapping[str, Sequence[InFlightRecord]], truths: Mapping[str, Truth], *, stale: bool
    ) -> None:
        self._versions, self._truths, self._late = versions, truths, 1 + stale
        self._owed: dict[str, set[str]] = {}  # item → what was heard, and no run that ended well was told
        self._told: dict[str, set[str]] = {}  # run → what its task says
        self._owed_at: dict[str, frozenset[str]] = {}  # run → what was owed when it was planned
        self._written_at: dict[str, int] = {}  # run → how many texts its ticket had had when it was planned

    def backup(self) -> Callable[[], None]:
        """What puts back what is owed."""
        kept = {item: set(owed) for item, owed in self._owed.items()}

        def put_back() -> None:
            self._owed = kept

        return put_back

    def hear(self, record: InFlightRecord, event: ReplyReceived | CommentAdded) -> None:
        """The next agent is told, unless it was talk in the thread while one was at work."""
        if isinstance(event, CommentAdded) or record.state not in TALKS:
            self._owed.setdefault(record.work_item_id, set()).update(_marks(event.reply.text))

    def plan(self, before: InFlightRecord, after: InFlightRecord) -> None:
        """What is owed when a run is planned is owed to that run, and paid when it ends well; a new life owes none of
        the last one's."""
        owed = self._owed.setdefault(after.work_item_id, set())
        if {before.state, after.state} & REST:
            owed.clear()
        if before.state in AT_WORK and after.state is State.IN_REVIEW and after.run:
            owed -= self._told.get(after.run.run_id, set())
        for planned in after.outbox:
            if isinstance(planned.effect, StartAgent) and planned.run_id not in self._owed_at:
                self._owed_at[planned.run_id] = frozenset(owed)
                self._written_at[planned.run_id] = len(self._truths[after.work_item_id].texts)

    def unsaid(self, order: RunOrder) -> list[str]:
        """What was owed when this run was planned, and is not in its task. One without an agent has none: it publishes
        what the agent before it was told."""
        if not order.task:
            self._told.setdefault(order.run_id, self._told.get(order.previous_run, set()))
            return []
        said = self._owed_at.get(order.run_id, frozenset()) | self._in_record(order)
        owed = self._owed.get(order.work_item_id, set())
        self._told.setdefault(order.run_id, {mark for mark in owed | said if mark in order.task})
        return sorted(mark for mark in said if mark not in order.task) + self._unshown(order)

    def _unshown(self, order: RunOrder) -> list[str]:
        """The ticket's text, as it stood when this run was planned or later."""
        newest = self._written_at.get(order.run_id, 0) - self._late
        texts = self._truths[order.work_item_id].texts[max(0, newest) :]
        shown = any(title in order.task and description in order.task for title, description in texts)
        return [] if shown else [f"the ticket's text {texts[0]}"]

    def _in_record(self, order: RunOrder) -> frozenset[str]:
        """As the record had it that planned the run."""
        for record in self._versions.get(order.work_item_id, ()):
            if any(planned.run_id == order.run_id for planned in record.outbox):
                return _marks(*(answer.text for answer in record.answers), *record.feedback)
        return frozenset()


def _marks(*said: str) -> frozenset[str]:
    return frozenset(mark for words in said for mark in re.findall(r"case[ _]\d+", words))
