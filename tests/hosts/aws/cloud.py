"""An account on loopback: moto's services, a door of API Gateway's kind, the table's stream, the clock, the functions.

The handlers run in the real runtime client, each in a process of its own. What AWS does between them is played here.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from botocore.session import get_session

from adapters.aws.deployment import Deployment
from adapters.aws.dynamo_state_store import DynamoStateStore
from adapters.aws.table import definition
from factory_core.dispatch.records import InFlightRecord
from tests.scenarios.sandbox_thread import World
from tests.scenarios.server_process import HOOKS, TOKENS, free_port, now, until

from .events import SHAPES, stream_record
from .runtime_api import Crashed, Function

KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIATEST",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
}
ONE_AT_A_TIME = """
import sys
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
run_simple("127.0.0.1", int(sys.argv[1]), DomainDispatcherApplication(create_backend_app), threaded=False)
"""  # moto lets two conditional puts win at once when it answers two at once


class Cloud:
    """One deployment. `roughly`: the stream repeats and shuffles what it tells, as far as a stream may."""

    def __init__(self, folder: Path, endpoint: str, roughly: random.Random | None = None) -> None:
        self.folder, self.endpoint, self._roughly = folder, endpoint, roughly
        name = f"t{secrets.token_hex(4)}"
        dead = self._queue(f"factory-{name}-dead-effects")
        runs = dead.replace("dead-effects", "runs-")
        self.deployment = Deployment(name, f"factory-{name}", dead, runs, api=f"api-{name}")
        flows = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
        self.client("dynamodb").create_table(**definition(self.deployment.table), StreamSpecification=flows)
        self.secrets: dict[str, dict[str, Any]] = {}
        self.functions = {
            name: self._function(name) for name in ("ingress", "performer", "check_in", "fleet", "task_ended")
        }
        self.told: list[dict[str, Any]] = []  # every record that the performer was told of
        self.crashes: list[str] = []
        self._over = threading.Event()
        self._streams = self.client("dynamodbstreams")
        self._at = self._begin()
        self.url = ""

    def client(self, service: str) -> Any:
        return get_session().create_client(
            service, region_name="us-east-1", endpoint_url=self.endpoint, aws_access_key_id="AKIATEST",
            aws_secret_access_key="test",
        )  # fmt: skip

    # what an operator does

    def add_tenant(self, name: str, config: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """As Terraform does: a parameter and a queue; as a person does: the secret's value. What is in the secret."""
        self._queue(f"factory-{self.deployment.name}-runs-{name}")
        self.client("ssm").put_parameter(
            Name=self.deployment.parameter(name), Value=json.dumps(config), Type="SecureString", Overwrite=True
        )
        names = (*HOOKS.values(), *TOKENS.values(), "FACTORY_WORKER_TOKEN", "FACTORY_STATUS_TOKEN")
        self.secrets[name] = {known: secrets.token_hex(16) for known in names} | more
        self.client("secretsmanager").create_secret(Name=self.deployment.secret(name))
        self.put_secrets(name)
        return self.secrets[name]

    def put_secrets(self, tenant: str, **more: Any) -> None:
        self.secrets[tenant] |= more
        text = json.dumps(self.secrets[tenant])
        self.client("secretsmanager").put_secret_value(SecretId=self.deployment.secret(tenant), SecretString=text)

    def subscribe(self, world: World, tenant: str) -> None:
        """The vendors know the webhooks' address, and take this tenant's tokens alone."""
        for vendor, name in HOOKS.items():
            url = f"{self.url}/hooks/{tenant}/{vendor}"
            world.call(world.sandbox.webhooks.subscribe, vendor, url, self.secrets[tenant][name])
        for vendor, name in TOKENS.items():
            world.call(world.sandbox.set_token, vendor, self.secrets[tenant][name])

    # what one looks at

    def store(self, tenant: str = "acme") -> DynamoStateStore:
        client = self.client("dynamodb")
        return DynamoStateStore(lambda: client, self.deployment.table, tenant, now)

    def record(self, key: str, tenant: str = "acme") -> InFlightRecord | None:
        return asyncio.run(self.store(tenant).get_in_flight(key))

    def until(self, key: str, holds: Callable[[InFlightRecord], object], tenant: str = "acme") -> InFlightRecord:
        def look() -> InFlightRecord | None:
            record = self.record(key, tenant)
            return record if record and holds(record) else None

        return until(look, patience=120, every=0.1)

    def dead_letters(self) -> list[dict[str, Any]]:
        got = self.client("sqs").receive_message(QueueUrl=self.deployment.dead_effects, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in got.get("Messages", [])]

    def logs(self) -> str:
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))

    # what AWS does by itself

    @contextlib.contextmanager
    def open(self) -> Iterator[Cloud]:
        """The door is open; what AWS does besides is the test's business."""
        door = _Door(self)
        self.url = f"http://127.0.0.1:{door.server_port}"
        answering = threading.Thread(target=door.serve_forever)
        answering.start()
        try:
            yield self
        finally:
            door.shutdown()
            answering.join(120)
            door.server_close()
            for function in self.functions.values():
                function.close()

    @contextlib.contextmanager
    def running(self, *, tick_every: float = 0.5) -> Iterator[Cloud]:
        """The door is open, the stream flows, the schedule ticks."""
        beside = [
            threading.Thread(target=self._repeat, args=(self._flow, 0.05)),
            threading.Thread(target=self._repeat, args=(self.tick, tick_every)),
        ]
        with self.open():
            for thread in beside:
                thread.start()
            try:
                yield self
            finally:
                self._over.set()
                for thread in beside:
                    thread.join(120)

    def tick(self) -> None:
        """The schedule's target gets exactly its input; a function error is tried again by the next tick."""
        if self.secrets:
            self._told("check_in", {"tenants": list(self.secrets)})

    def perform(self, records: list[dict[str, Any]]) -> Any:
        self.told += records
        return self._told("performer", {"Records": records})

    def _told(self, function: str, event: Any) -> Any:
        try:
            return self.functions[function].invoke(event)
        except Crashed as error:
            self.crashes.append(str(error))
            return None

    def count_unanswered(self, at: datetime) -> None:
        """As API Gateway counts an answer of 5xx, whoever gave it."""
        datum = {"MetricName": "5xx", "Dimensions": [{"Name": "ApiId", "Value": self.deployment.api}], "Value": 1}
        self.client("cloudwatch").put_metric_data(
            Namespace="AWS/ApiGateway", MetricData=[datum | {"Timestamp": at}, datum | {"Timestamp": at, "Value": 0}]
        )

    def fresh(self) -> list[dict[str, Any]]:
        """What the stream has to tell since the last look, through the filter of infra/terraform/aws/stream.tf."""
        got = self._streams.get_records(ShardIterator=self._at)
        self._at = got["NextShardIterator"]
        return [stream_record(one) for one in got["Records"] if "work" in one["dynamodb"].get("NewImage", {})]

    def _flow(self) -> None:
        """Tell the performer until it has taken all."""
        batch = self.fresh()
        if self._roughly and batch:
            batch += self._roughly.sample(self.told, min(2, len(self.told)))
            self._roughly.shuffle(batch)
        while batch and not self._over.is_set():
            batch = self._left(batch, self.perform(batch))

    def _begin(self) -> str:
        arn = self._streams.list_streams(TableName=self.deployment.table)["Streams"][0]["StreamArn"]
        shard = self._streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
        asked = self._streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
        begin: str = asked["ShardIterator"]
        return begin

    def _left(self, batch: list[dict[str, Any]], said: Any) -> list[dict[str, Any]]:
        """After a crash the whole batch; else from the first record that failed on."""
        failed = {one["itemIdentifier"] for one in said["batchItemFailures"]} if said else None
        keys = [record["dynamodb"]["SequenceNumber"] for record in batch]
        if failed is None:
            self._over.wait(0.5)
            return batch
        return batch[min((keys.index(key) for key in failed), default=len(batch)) :]

    def _repeat(self, do: Callable[[], None], every: float) -> None:
        while not self._over.wait(every):
            do()

    def _function(self, name: str) -> Function:
        environment = {
            **KEYS,
            "PATH": "/usr/bin:/bin",
            "AWS_ENDPOINT_URL": self.endpoint,
            "FACTORY_NAME": self.deployment.name,
            "FACTORY_TABLE": self.deployment.table,
            "FACTORY_DEAD_EFFECTS": self.deployment.dead_effects,
            "FACTORY_RUNS": self.deployment.runs,
            "FACTORY_API": self.deployment.api,
        }
        return Function(f"adapters.aws.handlers.{name}.handler", environment, self.folder / f"{name}.log")

    def _queue(self, name: str) -> str:
        url: str = self.client("sqs").create_queue(QueueName=name)["QueueUrl"]
        return url


class _Door(ThreadingHTTPServer):
    """API Gateway: HTTP in, an event in one of its three shapes to the function whose route it is."""

    daemon_threads = True

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.cloud, self.shapes = cloud, itertools.cycle(SHAPES)


class _Request(BaseHTTPRequestHandler):
    server: _Door

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        event = next(self.server.shapes)(self.command, self.path, list(self.headers.items()), body)
        function = "fleet" if self.path.startswith("/fleet/") else "ingress"
        try:
            said = self.server.cloud.functions[function].invoke(event)
        except Crashed:
            said = {"statusCode": 502, "headers": {}, "body": "{}"}
        answer = said["body"].encode()
        with contextlib.suppress(OSError):  # who asked may be gone
            self.send_response(said["statusCode"])
            for name, value in said["headers"].items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    do_GET = do_POST

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""


@contextlib.contextmanager
def aws(folder: Path) -> Iterator[str]:
    """The endpoint of AWS's services, one answer at a time."""
    port = free_port()
    with (folder / "moto.log").open("wb") as log:
        moto = subprocess.Popen([sys.executable, "-c", ONE_AT_A_TIME, str(port)], stdout=log, stderr=log)
    try:
        until(lambda: _listens(port))
        yield f"http://127.0.0.1:{port}"
    finally:
        moto.kill()
        moto.wait(60)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
