"""What tells workers of a run in line: a message in the tenant's own SQS queue, which points to it and says no more.

A message is a hint. It may be lost, repeated or late; the run stands in the table, and the table decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pydantic import ValidationError

from factory_core.payload import parse_as
from factory_core.work_item import Frozen

from .clients import Clients, in_our_words
from .deployment import Deployment

COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")


class Pointer(Frozen):
    """A message's body."""

    tenant: str
    run: str


class RunMessages:
    """One tenant's. Every call raises Retryable while SQS does not answer."""

    def __init__(self, clients: Clients, deployment: Deployment, tenant: str) -> None:
        self.clients, self.queue, self._tenant = clients, deployment.run_queue(tenant), tenant

    async def tell(self, run_id: str) -> None:
        await asyncio.to_thread(self._tell, run_id)

    async def remind(self, waiting: Sequence[str]) -> None:
        """Tell of these runs again if fewer messages are there than runs that wait.

        The counts are SQS's, about a minute old. Messages of runs that do not wait any more are counted, too: the next
        claim deletes them, and where none comes nobody would have heard of the others.
        """
        if waiting and await asyncio.to_thread(self._count) < len(waiting):
            for run_id in waiting:
                await self.tell(run_id)

    def run_of(self, body: str) -> str | None:
        """Whose id it is; None for what is no pointer to a run of this tenant."""
        try:
            pointer = parse_as(Pointer, body)
        except ValidationError:
            return None
        return pointer.run if pointer.tenant == self._tenant else None

    def _tell(self, run_id: str) -> None:
        body = Pointer(tenant=self._tenant, run=run_id).model_dump_json()
        with in_our_words("workers cannot be told of a run"):
            self.clients.sqs.send_message(QueueUrl=self.queue, MessageBody=body)

    def _count(self) -> int:
        """Visible, being looked at, delayed."""
        with in_our_words("the messages of the runs in line cannot be counted"):
            said = self.clients.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=list(COUNTS))
        return sum(int(said["Attributes"][name]) for name in COUNTS)
