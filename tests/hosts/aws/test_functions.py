"""Each function on its own: what it refuses, what it leaves for later, and that no item or tenant holds up another."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from adapters.aws.dynamo_run_queue import DynamoRunQueue
from adapters.aws.metrics import METRICS
from adapters.aws.record_codec import unpack
from factory_core.dispatch.batch import DeliveryGap
from factory_core.dispatch.records import ENDED, InFlightRecord, State
from factory_core.runs.queued_run import queued
from tests.cli.calling import Done, factory
from tests.scenarios.counting import CLEAR, VAGUE
from tests.scenarios.sandbox_thread import World, world
from tests.scenarios.server_process import HOOKS, config_of, now, until

from .cloud import Cloud, aws
from .events import http_api
from .line import order
from .runtime_api import Crashed, Function

UNANSWERED = "webhooks got no answer"
QUICK = {"firstDelay": "0.1s", "lease": "4s", "effectTimeout": "3s"}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Cloud]]:
    """Two tenants of one deployment. Nothing flows by itself: the test says what AWS tells whom, and when."""
    folder = tmp_path_factory.mktemp("functions")
    with world() as w, aws(folder) as endpoint, Cloud(folder, endpoint).open() as c:
        for tenant in ("other", "acme"):
            c.add_tenant(tenant, config_of(w, tenant=tenant, agents={"fleet": "workers"}, runner=QUICK))
        c.subscribe(w, "acme")
        yield w, c
        assert not [value for one in c.secrets.values() for value in one.values() if str(value) in c.logs()]


def saved(w: World, c: Cloud, description: str = CLEAR) -> tuple[str, list[dict[str, Any]]]:
    """A ticket as the ingress saved it, and what the stream tells of that."""
    c.fresh()
    key = w.ticket("Rename total to amount", description)
    c.until(key, lambda record: record.state is State.TRIAGING)
    return key, c.fresh()


def state(c: Cloud, key: str) -> InFlightRecord:
    record = c.record(key)
    assert record is not None
    return record


def test_the_sender_is_answered_after_the_save_and_before_the_effects(stage: tuple[World, Cloud]) -> None:
    """All that a webhook does is one write; what is to be done stands in the record, under nobody's lease."""
    w, c = stage
    key, told = saved(w, c)
    record = state(c, key)
    assert (record.version, record.lease.holder, len(record.outbox), len(told)) == (1, "", 1, 1)
    until(lambda: all(one["accepted"] for one in w.state()["deliveries"]))
    c.perform(told)


def test_a_repeated_webhook_and_a_repeated_hint_write_nothing(stage: tuple[World, Cloud]) -> None:
    w, c = stage
    key, told = saved(w, c, VAGUE)
    assert c.perform(told) == {"batchItemFailures": []}
    before = state(c, key)
    assert before.state is State.WAITING
    w.call(lambda: [w.sandbox.webhooks.redeliver(one) for one in w.sandbox.webhooks.deliveries])
    w.run(w.sandbox.webhooks.idle())
    assert c.perform([*reversed(told), *told]) == {"batchItemFailures": []}
    assert state(c, key) == before


def test_out_of_time_the_rest_stays_and_the_lease_is_free(stage: tuple[World, Cloud]) -> None:
    """Giving the lease back is itself told by the stream, and so the next call goes on where this one ended."""
    w, c = stage
    c.perform([])  # what it takes to start is no part of its time
    key, told = saved(w, c, VAGUE)
    assert c.functions["performer"].invoke({"Records": told}, timeout=7) == {"batchItemFailures": []}
    left = state(c, key)
    assert (left.state, left.lease.holder, len(left.outbox), left.outbox[0].faults) == (State.TRIAGING, "", 1, 0)
    c.perform(c.fresh())
    assert state(c, key).state is State.WAITING


def test_a_record_that_nobody_can_read_holds_up_no_other(stage: tuple[World, Cloud]) -> None:
    """It goes to the dead-letter queue by its name, and the shard goes on."""
    w, c = stage
    place = {"pk": {"S": "acme"}, "sk": {"S": "item#POISON-1"}}
    item = place | {"version": {"N": "1"}, "body": {"B": b"\x63junk"}, "work": {"N": "1"}, "wake_at": {"N": "0"}}
    c.fresh()
    c.client("dynamodb").put_item(TableName=c.deployment.table, Item=item)
    poison = c.fresh()
    key, told = saved(w, c, VAGUE)
    assert c.perform([*poison, *told]) == {"batchItemFailures": []}
    assert state(c, key).state is State.WAITING
    (letter,) = c.dead_letters()
    assert (letter["tenant"], letter["item"]) == ("acme", "POISON-1")
    c.client("dynamodb").delete_item(TableName=c.deployment.table, Key=place)


def test_while_the_table_is_away_nothing_is_lost(stage: tuple[World, Cloud], tmp_path: Path) -> None:
    """The sender hears 503 and sends again; the stream is told to tell again; the check-in fails aloud."""
    w, c = stage
    _, told = saved(w, c, VAGUE)
    here = c.functions
    elsewhere = {**here["ingress"].environment, "FACTORY_TABLE": "factory-gone"}
    c.functions = {name: Function(one.handler, elsewhere, tmp_path / name) for name, one in here.items()}
    try:
        key = w.ticket("Rename total to amount", CLEAR)
        until(lambda: 503 in [tried.status for one in w.sandbox.webhooks.deliveries for tried in one.tried])
        assert c.functions["ingress"].invoke(http_api("GET", "/healthz", [], b""))["statusCode"] == 503
        failed = c.functions["performer"].invoke({"Records": told})["batchItemFailures"]
        assert failed == [{"itemIdentifier": told[0]["dynamodb"]["SequenceNumber"]}]
        with pytest.raises(Crashed, match="no check-in for acme"):
            c.functions["check_in"].invoke({"tenants": ["acme"]})
        assert c.record(key) is None
    finally:
        for function in c.functions.values():
            function.close()
        c.functions = here
    c.until(key, lambda record: record.state is State.TRIAGING)
    c.perform(told)


def test_webhooks_that_got_no_answer_are_followed_by_one_look(stage: tuple[World, Cloud]) -> None:
    """Whoever failed to answer: a function that timed out, a tenant without secrets, a table that was away."""
    _, c = stage
    check_in, names = c.functions["check_in"].invoke, ["acme", "other"]

    def noted() -> list[DeliveryGap | None]:
        batches = [asyncio.run(c.store(name).get_batch()) for name in names]
        return [one.catch_up and one.catch_up.gap for one in batches]

    check_in({"tenants": names})
    assert not any(one and one.cause == UNANSWERED for one in noted())
    c.count_unanswered(now() - timedelta(minutes=3))
    check_in({"tenants": names})
    first = noted()
    assert [one and one.cause for one in first] == [UNANSWERED] * 2
    check_in({"tenants": names})
    assert noted() == first
    c.count_unanswered(now())
    check_in({"tenants": ["acme"]})
    assert noted()[0] != first[0] and noted()[1] == first[1]


def test_one_tenants_trouble_is_nobody_elses(stage: tuple[World, Cloud]) -> None:
    """A tenant without a configuration fails its own check-in, and the others' work is done all the same."""
    w, c = stage
    key, _ = saved(w, c, VAGUE)
    with pytest.raises(Crashed, match="no check-in for nobody"):
        c.functions["check_in"].invoke({"tenants": ["nobody", "acme"]})
    assert state(c, key).state is State.WAITING
    for wrong in ({}, {"tenants": []}, {"tenants": "acme"}, {"detail-type": "Scheduled Event"}):
        with pytest.raises(Crashed, match="not a list of tenants"):
            c.functions["check_in"].invoke(wrong)


def test_what_a_check_in_has_begun_it_ends_even_when_it_fails(stage: tuple[World, Cloud]) -> None:
    """The tenant's queue is gone while a run waits: that is told aloud, and no effect freezes with the process."""
    w, c = stage
    first, told = saved(w, c)
    c.perform(told)
    while state(c, first).run is None:
        c.perform(c.fresh())
    key, _ = saved(w, c, VAGUE)
    queue, sqs = c.deployment.run_queue("acme"), c.client("sqs")
    sqs.delete_queue(QueueUrl=queue)
    try:
        with pytest.raises(Crashed, match="no check-in for acme"):
            c.functions["check_in"].invoke({"tenants": ["acme"]})
    finally:
        sqs.create_queue(QueueName=queue.rsplit("/", 1)[-1])
    assert (state(c, key).state, state(c, key).lease.holder) == (State.WAITING, "")


def test_a_tenant_that_is_set_up_wrong_loses_no_webhook(stage: tuple[World, Cloud]) -> None:
    """Its senders hear 503 and send again; nobody at the door hears what is wrong."""
    w, c = stage
    c.add_tenant("wrong", config_of(w, tenant="wrong", agents={"fleet": "local"}))
    body = json.dumps({"action": "update", "type": "Issue"}).encode()
    event = {**signed(c.secrets["wrong"][HOOKS["linear"]], body), "rawPath": "/hooks/wrong/linear"}
    heard = c.functions["ingress"].invoke(event)
    assert (heard["statusCode"], "fleet" in heard["body"]) == (503, False)
    assert claim(c, "wrong", c.secrets["wrong"]["FACTORY_WORKER_TOKEN"]).status_code == 503
    assert shown(c, "/", "wrong", "x").status_code == 503


def test_an_operator_has_a_ticket_forgotten(stage: tuple[World, Cloud], tmp_path: Path) -> None:
    """By `factory forget KEY --url` and a token of its own: neither the page's nor another tenant's is good."""
    w, c = stage
    tokens = {name: secrets.token_hex(16) for name in ("acme", "other")}
    for name, token in tokens.items():
        c.put_secrets(name, FACTORY_OPERATOR_TOKEN=token)
    c.functions["ingress"].kill()  # a new process reads them at once
    key, told = saved(w, c, VAGUE)
    c.perform(told)

    def forget(token: str, *more: str, tenant: str = "acme") -> Done:
        argv = ("forget", key, "--url", c.url, "--tenant", tenant, "--yes", "--json", *more)
        return factory(*argv, cwd=tmp_path, FACTORY_OPERATOR_TOKEN=token)

    strangers = [forget(c.secrets["acme"]["FACTORY_STATUS_TOKEN"]), forget(tokens["other"]), forget("x", tenant="no")]
    assert [one.code for one in strangers] == [4] * 3
    assert forget(tokens["other"], tenant="other").code == 2  # it knows no such ticket
    alive = forget(tokens["acme"])
    assert (alive.code, f"In the tracker: cancel {key}" in alive.out + alive.err) == (5, True)
    w.call(w.sandbox.linear.remove_issue, key)
    until(lambda: c.perform(c.fresh()) and state(c, key).state in ENDED)
    assert forget(tokens["acme"], "--dry-run").document["changed"] is False and c.record(key)
    assert forget(tokens["acme"]).document == {
        "schema": "factory.forget/1", "work_item": key, "state": state(c, key).state, "changed": True,
    }  # fmt: skip
    until(lambda: c.perform(c.fresh()) and c.record(key) is None)
    items = c.client("dynamodb").scan(TableName=c.deployment.table, ConsistentRead=True)["Items"]
    assert key not in "".join(f"{item} {unpack(item['body']['B']) if 'body' in item else ''}" for item in items)


def test_a_tenant_sees_its_own_alone(stage: tuple[World, Cloud]) -> None:
    """Webhooks by their secret, pages by their password, workers by their token; a stranger learns not who exists."""
    w, c = stage
    key, told = saved(w, c, VAGUE)
    c.perform(told)
    acme, other = c.secrets["acme"], c.secrets["other"]
    body = json.dumps({"action": "update", "type": "Issue"}).encode()
    ask = c.functions["ingress"].invoke
    forged = {**signed(acme[HOOKS["linear"]], body), "rawPath": "/hooks/other/linear"}
    assert ask(forged)["statusCode"] == 401
    assert key in shown(c, "/status.json", "acme", acme["FACTORY_STATUS_TOKEN"]).text
    assert key not in shown(c, "/status.json", "other", other["FACTORY_STATUS_TOKEN"]).text
    assert shown(c, f"/items/{key}", "other", other["FACTORY_STATUS_TOKEN"]).status_code == 404
    strangers = [("acme", other["FACTORY_STATUS_TOKEN"]), ("nobody", "x"), ("", ""), ("../acme", "x")]
    refused = [shown(c, "/", *who) for who in strangers]
    assert {(one.status_code, one.text) for one in refused} == {(401, refused[0].text)}
    claims = [claim(c, "acme", other["FACTORY_WORKER_TOKEN"]), claim(c, "nobody", "x"), claim(c, "ACME", "x")]
    assert {(one.status_code, one.text) for one in claims} == {(401, claims[0].text)}
    assert claim(c, "acme", acme["FACTORY_WORKER_TOKEN"]).status_code == 200


def test_a_task_that_stopped_gives_its_run_back_once(stage: tuple[World, Cloud]) -> None:
    """The event is told twice; only its own tenant's run is touched, and what is no such event is refused aloud."""
    _, c = stage
    lines = {
        tenant: DynamoRunQueue(lambda: c.client("dynamodb"), c.deployment.table, tenant) for tenant in ("acme", "other")
    }
    for line in lines.values():
        asyncio.run(line.put_run(queued(order(), now())))
    pointers = {"FACTORY_TENANT": "acme", "FACTORY_RUN": "R-1", "FACTORY_EPOCH": "1"}
    variables = [{"name": name, "value": value} for name, value in pointers.items()]
    detail = {"taskArn": "arn:1", "lastStatus": "STOPPED", "stopCode": "TaskFailedToStart", "version": 6,
              "overrides": {"containerOverrides": [{"name": "agent", "environment": variables}]}}  # fmt: skip
    for _ in range(2):
        assert c.functions["task_ended"].invoke({"detail-type": "ECS Task State Change", "detail": detail}) is None
    found = {tenant: asyncio.run(line.get_run("R-1")) for tenant, line in lines.items()}
    assert {tenant: (run.epoch, run.offers) for tenant, run in found.items() if run} == {
        "acme": (2, 1),
        "other": (1, 0),
    }
    with pytest.raises(Crashed, match="no event of a task"):
        c.functions["task_ended"].invoke({"detail": {}})


def test_a_webhook_is_followed_by_one_id_from_its_request_to_what_is_done_about_it(stage: tuple[World, Cloud]) -> None:
    """It is on the item that the stream tells of, and so in the lines of both functions; another item has another."""
    w, c = stage
    stories = [saved(w, c, VAGUE), saved(w, c, VAGUE)]
    ids = [told[0]["dynamodb"]["NewImage"]["correlation_id"]["S"] for _, told in stories]
    c.perform([record for _, told in stories for record in told])
    lines = [json.loads(line) for line in c.logs().splitlines() if line.startswith('{"at"')]
    found = [(one["function"].split(".")[-2], one.get("correlation_id"), one["item"]) for one in lines if "item" in one]
    for (key, _), given in zip(stories, ids, strict=True):
        item = state(c, key).work_item_id
        assert {(function, known) for function, known, about in found if about in (key, item)} == {
            ("ingress", given),
            ("performer", given),
        }


def test_a_call_is_traced_with_its_requests_and_without_what_it_says(
    stage: tuple[World, Cloud], tmp_path: Path
) -> None:
    _, c = stage
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(120)
        environment = {
            **c.functions["check_in"].environment,
            "AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{daemon.getsockname()[1]}",
        }
        function = Function("adapters.aws.handlers.check_in.handler", environment, tmp_path / "log")
        try:
            assert function.invoke({"tenants": ["acme"]}) is None
            traces = list[str]()
            until(lambda: traces.append(daemon.recv(65535).decode()) or "## handler" in traces[-1])
        finally:
            function.close()
    assert any('"dynamodb"' in one for one in traces)
    assert not [value for value in c.secrets["acme"].values() if str(value) in "".join(traces)]


def test_what_is_counted_has_an_agreed_name(stage: tuple[World, Cloud]) -> None:
    """Every metric line in the logs: one dimension, the deployment; names and units of METRICS alone."""
    _, c = stage
    lines = [json.loads(line) for line in c.logs().splitlines() if line.startswith('{"_aws"')]
    told = [one for line in lines for one in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]]
    assert {one["Name"] for one in told} >= {
        "WebhooksAccepted",
        "WebhooksRefused",
        "EffectsPerformed",
        "CheckInsFailed",
    }
    assert all(METRICS[one["Name"]] == one["Unit"] for one in told)
    assert {line["factory"] for line in lines} == {c.deployment.name}
    assert {str(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"]) for line in lines} == {"[['factory']]"}


def signed(secret: str, body: bytes) -> dict[str, Any]:
    from factory_sandbox.registry import SIGN
    from factory_sandbox.signing import Attempt

    headers = SIGN["linear"](secret, Attempt(os.urandom(8).hex(), "Issue", body, now()))
    return http_api("POST", "/hooks/acme/linear", list(headers.items()), body)


def shown(c: Cloud, path: str, user: str, password: str) -> httpx2.Response:
    pair = b64encode(f"{user}:{password}".encode()).decode()
    return httpx2.get(f"{c.url}{path}", headers={"Authorization": f"Basic {pair}"}, timeout=120, trust_env=False)


def claim(c: Cloud, tenant: str, token: str) -> httpx2.Response:
    asked = {"schema": "factory.worker/1", "worker": {"id": "a-worker-of-acme", "engines": ["console"]}}
    headers = {"Authorization": f"Bearer {token}"}
    return httpx2.post(f"{c.url}/fleet/{tenant}/claim", json=asked, headers=headers, timeout=120, trust_env=False)
