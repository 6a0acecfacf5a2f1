"""How a claim on AWS finds its run: it takes messages until one points to a run that the table lets it offer.

received ─▶ offered: hidden for as long as the offer stands ─▶ comes again ─▶ confirmed meanwhile: deleted
    │                                                              └─▶ not confirmed: offered again
    ├─▶ ended, stopped, with a worker, unknown: deleted
    ├─▶ for another worker: put back as a new message, so that only what breaks claims counts as received
    └─▶ no pointer of ours, or the claim died: comes again, and after ten times goes to the dead-letter queue
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Any

from factory_core.runs.queued_run import QueuedRun, Worker

from ..fleets.worker_queue.leases import Leases
from .clients import in_our_words
from .run_messages import RunMessages

logger = logging.getLogger("factory.aws")
MOST = 10  # messages that one claim looks at; the function has ten seconds
MARGIN = timedelta(seconds=5)  # a message comes back after its offer has run out, not before


class RunClaims:
    """One tenant's."""

    def __init__(self, messages: RunMessages, leases: Leases) -> None:
        self._messages, self._leases = messages, leases

    async def __call__(self, worker: Worker) -> QueuedRun | None:
        """A run that was offered to this worker; None when none is in line for it. Raises Retryable: SQS is away."""
        for_others: list[tuple[str, Any]] = []
        try:
            return await self._first(worker, for_others)
        finally:
            for run_id, message in for_others:
                await self._messages.tell(run_id)
                await asyncio.to_thread(self._delete, message)

    async def _first(self, worker: Worker, for_others: list[tuple[str, Any]]) -> QueuedRun | None:
        for _ in range(MOST):
            message = await asyncio.to_thread(self._receive)
            if message is None:
                return None
            run_id = self._messages.run_of(message["Body"])
            if run_id is None:
                logger.error("a message that is no run of this tenant", extra={"action": "claim"})
                continue
            look = await self._leases.try_offer(run_id, worker)
            if look is None:  # in trouble: its message comes back
                continue
            if look.offered:
                return look.offered
            if look.waits:
                for_others.append((run_id, message))
            else:
                await asyncio.to_thread(self._delete, message)
        return None

    def _receive(self) -> Any:
        """Not held open, for Lambda bills waiting; a short poll may miss a message, and the next claim finds it."""
        hidden = self._leases.rules.confirm_within + MARGIN
        with in_our_words("no run can be claimed"):
            said = self._messages.clients.sqs.receive_message(
                QueueUrl=self._messages.queue, MaxNumberOfMessages=1, VisibilityTimeout=round(hidden.total_seconds())
            )
        return next(iter(said.get("Messages", ())), None)

    def _delete(self, message: Any) -> None:
        with in_our_words("a message cannot be deleted"):
            self._messages.clients.sqs.delete_message(
                QueueUrl=self._messages.queue, ReceiptHandle=message["ReceiptHandle"]
            )
