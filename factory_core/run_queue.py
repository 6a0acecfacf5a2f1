"""⑥ The port behind which runs wait for workers on other machines. Its values are dispatch/queued_run's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from .runs.queued_run import QueuedRun, Worker


class RunQueue(Protocol):
    """The line of runs that workers elsewhere take; one instance serves one tenant. It stores, and decides nothing.

    Implementations pass tests/stores/conformance/run_queue_laws.py unchanged. Compare-and-swap and
    StoreUnavailable are as in StateStore.
    """

    async def get_run(self, run_id: str) -> QueuedRun | None:
        """Strongly consistent: what the last successful put stored."""
        ...

    async def put_run(self, run: QueuedRun) -> QueuedRun: ...

    async def delete_run(self, run_id: str) -> None:
        """Delete it, whatever its version; deleting twice is deleting once."""
        ...

    async def due_runs(self, now: datetime, limit: int) -> Sequence[str]:
        """Ids of runs whose `due_at` has come, the longest due first. Costs what is due, not what exists.

        Only a hint, and may come late or twice: each one is read afresh before anybody acts.
        """
        ...

    async def runs_of(self, work_item_id: str) -> Sequence[QueuedRun]:
        """Every run of the item, in no order."""
        ...

    async def put_worker(self, worker: Worker) -> None:
        """Remember when this worker was seen last; the newest word wins."""
        ...

    async def workers(self, since: datetime) -> Sequence[Worker]:
        """Who was seen since then, in no order. Older ones may be forgotten, and one that cannot be read is left out:
        its next request stores it anew."""
        ...


@runtime_checkable
class WorkerFleet(Protocol):
    """A fleet whose agents run elsewhere."""

    async def workers(self) -> Sequence[Worker]:
        """Who was heard within the last day; present() says who is there."""
        ...
