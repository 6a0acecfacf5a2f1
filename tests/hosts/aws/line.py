"""A tenant's line of runs on moto in this process: its table, its queue, and one clock for both of them and for us."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest
from botocore.session import get_session
from moto.sqs import models as moto_sqs

from adapters.aws.clients import Clients
from adapters.aws.deployment import Deployment
from adapters.aws.dynamo_run_queue import DynamoRunQueue
from adapters.aws.run_claims import RunClaims
from adapters.aws.run_messages import RunMessages
from adapters.aws.table import create_table
from adapters.fleets.worker_queue.fleet import WorkerQueueFleet
from adapters.fleets.worker_queue.leases import Leases
from factory_core.config import Workers
from factory_core.runs.queued_run import QueuedRun, Worker
from factory_core.runs.run import RunOrder, RunReport, RunStatus

ANNA, BERT = (Worker(id=name, engines=("claude",)) for name in ("anna-0001", "bert-0001"))
MOST_RECEIVES = "10"  # as infra/terraform/aws/queues.tf says


def order(run_id: str = "R-1", **changes: Any) -> RunOrder:
    return RunOrder(
        run_id=run_id, work_item_id="ACME-1", title="Rename", repository="acme/api", clone_url="/x", base="main",
        branch="factory/ACME-1", engine="claude", task="Rename.", max_turns=9, max_duration=timedelta(hours=1),
        max_usd=Decimal(5),
    ).model_copy(update=changes)  # fmt: skip


class Account:
    """What all tenants share. `asked` counts requests at the clients, by operation."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.asked = datetime.now(UTC), Counter[str]()
        monkeypatch.setattr(moto_sqs, "unix_time_millis", lambda *_: self.now.timestamp() * 1000)
        self.clients, self.dynamo = Clients(), cast(Any, get_session().create_client("dynamodb"))
        create_table(self.dynamo, "factory-test")
        self.dead = self._made("factory-test-dead-runs")
        for client in (self.dynamo, self.clients.sqs):
            client.meta.events.register("before-call", self._note)

    def clock(self) -> datetime:
        return self.now

    def line(self, tenant: str = "acme") -> Line:
        arn = self.clients.sqs.get_queue_attributes(QueueUrl=self.dead, AttributeNames=["QueueArn"])
        policy = {"deadLetterTargetArn": arn["Attributes"]["QueueArn"], "maxReceiveCount": MOST_RECEIVES}
        url = self._made(f"factory-test-runs-{tenant}", RedrivePolicy=json.dumps(policy))
        return Line(self, Deployment("test", "factory-test", runs=url.removesuffix(tenant)), tenant)

    def count(self, queue: str) -> int:
        said = self.clients.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
        return int(said["ApproximateNumberOfMessages"]) + int(said["ApproximateNumberOfMessagesNotVisible"])

    def _made(self, name: str, **attributes: str) -> str:
        url: str = self.clients.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return url

    def _note(self, model: Any, **_: Any) -> None:
        self.asked[model.name] += 1


class Line:
    """One tenant's, as the functions put it together."""

    def __init__(self, account: Account, deployment: Deployment, tenant: str) -> None:
        self.account, self.ends = account, list[RunReport]()
        self.messages = RunMessages(account.clients, deployment, tenant)
        queue = DynamoRunQueue(lambda: account.dynamo, deployment.table, tenant)
        self.leases = Leases(queue, account.clock, Workers())
        self.leases.finished = self._finished
        self.fleet = WorkerQueueFleet(self.leases, self.messages.tell)
        self.claim = RunClaims(self.messages, self.leases)

    async def check_in(self) -> None:
        await self.messages.remind(await self.leases.settle_due())

    async def beats(self, run: QueuedRun, worker: Worker) -> QueuedRun:
        assert run.order is not None
        said = RunReport(run_id=run.run_id, work_item_id=run.order.work_item_id, status=RunStatus.RUNNING)
        return await self.leases.heartbeat(run.run_id, worker, run.epoch, said, ())

    def passes(self, seconds: float) -> None:
        self.account.now += timedelta(seconds=seconds)

    @property
    def told(self) -> int:
        """Messages that are there, seen or not."""
        return self.account.count(self.messages.queue)

    async def _finished(self, report: RunReport) -> None:
        self.ends.append(report)
