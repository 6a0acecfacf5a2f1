"""The vague ticket from webhook to Done on AWS's handlers, whatever dies, repeats itself or comes in another order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from factory_core.dispatch.records import State
from tests.scenarios.counting import ANSWER, DONE_VAGUE, VAGUE, surely_shown
from tests.scenarios.sandbox_thread import PATIENCE, World, world
from tests.scenarios.server_process import config_of

from .cloud import Cloud, aws
from .worker import Worker

QUICK = {"firstDelay": "0.1s", "lease": "4s", "effectTimeout": "3s"}


def config(w: World, tenant: str = "acme") -> dict[str, object]:
    return config_of(w, tenant=tenant, agents={"fleet": "workers", "engine": "console"}, runner=QUICK)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with aws(tmp_path_factory.mktemp("aws")) as url:
        yield url


@pytest.fixture
def stage(tmp_path: Path, endpoint: str) -> Iterator[tuple[World, Cloud, Worker]]:
    with world() as w, Cloud(tmp_path, endpoint, random.Random(7)).running() as c:
        c.add_tenant("acme", config(w))
        c.subscribe(w, "acme")
        repository = Path(w.state()["github"]["repositories"]["acme/shop"]["path"])
        worker = Worker(c.url, "acme", c.secrets["acme"]["FACTORY_WORKER_TOKEN"], repository, tmp_path)
        worker.start()
        yield w, c, worker
        worker.over.set()
        worker.join(PATIENCE)
        assert not [secret for secret in c.secrets["acme"].values() if secret in c.logs()]


def is_done_once(w: World, c: Cloud, worker: Worker, key: str) -> None:
    c.until(key, lambda record: record.state is State.DONE and not record.outbox)
    state = w.state()
    issue = state["linear"]["issues"][key]
    pulls = [one for one in state["github"]["repositories"]["acme/shop"]["pulls"] if f"/{key}-" in one["head"]]
    threads = [one for one in state["slack"]["threads"].values() if f"{key}:" in one[0]["text"]]
    ours = [message for thread in threads for message in thread if message["user"] == "U0FACTORY"]
    assert surely_shown(issue["states"]) == DONE_VAGUE.states
    assert ([one["merged"] for one in pulls], len(threads), len(ours), len(issue["comments"])) == ([True], 1, 2, 2)
    assert len(worker.runs) == len(set(worker.runs)) == 1


def asked(c: Cloud, key: str) -> str:
    """The thread in which its question stands."""
    record = c.until(key, lambda record: record.clarification and record.clarification.thread_id)
    assert record.clarification is not None
    return record.clarification.thread_id


def test_from_webhook_to_done(stage: tuple[World, Cloud, Worker]) -> None:
    """Through all three kinds of HTTP event, a stream that repeats and shuffles, and ticks."""
    w, c, worker = stage
    key = w.ticket("The cart is confusing", VAGUE)
    w.reply(asked(c, key), ANSWER)
    is_done_once(w, c, worker, key)
    assert c.told and c.crashes == [] and c.dead_letters() == []


@pytest.mark.parametrize(
    ("vendor", "operation"), [("slack", "chat.postMessage"), ("linear", "issueUpdate"), ("github", "pulls.merge")]
)
def test_killed_in_the_middle_of_an_effect(stage: tuple[World, Cloud, Worker], vendor: str, operation: str) -> None:
    """The vendor has acted and nobody heard of it: the next process finds that out and does it no second time."""
    w, c, worker = stage
    with w.gate(lambda asked, what: (asked, what) == (vendor, operation), acted=True) as gate:
        key = w.ticket("The cart is confusing", VAGUE)
        if vendor != "slack":
            w.reply(asked(c, key), ANSWER)
        assert gate.reached.wait(PATIENCE)
        for name in ("performer", "check_in"):
            c.functions[name].kill()
    if vendor == "slack":
        w.reply(asked(c, key), ANSWER)
    is_done_once(w, c, worker, key)
