"""The vague ticket from webhook to Done in the real runtime, with a real worker elsewhere, whatever dies meanwhile."""

from __future__ import annotations

import pytest

from factory_core.dispatch.records import State
from tests.scenarios.counting import ANSWER, CLEAR, DONE_CLEAR, DONE_VAGUE, VAGUE, counted
from tests.scenarios.sandbox_thread import PATIENCE
from tests.scenarios.worker_process import WorkerProcess, at_work

from .deployed import CRON, Deployed


def test_from_webhook_to_done(deployed: Deployed) -> None:
    """A clear ticket, and a vague one after its answer, by `factory worker` as it is; the page knows both."""
    w, acme = deployed.world, deployed.tenants["acme"]
    with at_work(WorkerProcess(acme, deployed)) as (worker,):  # type: ignore[arg-type]
        clear, vague = w.ticket("Rename total to amount", CLEAR), w.ticket("The cart is confusing", VAGUE)
        w.reply(acme.asked(vague), ANSWER)
        assert [acme.done(key).state for key in (clear, vague)] == [State.DONE, State.DONE]
        assert (counted(w, acme, clear), counted(w, acme, vague)) == (DONE_CLEAR, DONE_VAGUE)  # type: ignore[arg-type]
        assert f"{clear} ended: succeeded" in worker.said()
    page = deployed.get(f"/items/{vague}", "acme")
    assert (page.status_code, ANSWER[:20] in page.text) == (200, True)


@pytest.mark.parametrize(
    ("vendor", "operation"), [("slack", "chat.postMessage"), ("linear", "issueUpdate"), ("github", "pulls.merge")]
)
def test_killed_in_the_middle_of_an_effect(deployed: Deployed, vendor: str, operation: str) -> None:
    """The vendor has acted and nobody heard of it: the next process finds that out and does it no second time."""
    w, acme = deployed.world, deployed.tenants["acme"]
    with at_work(WorkerProcess(acme, deployed)):  # type: ignore[arg-type]
        with w.gate(lambda asked, what: (asked, what) == (vendor, operation), acted=True) as gate:
            key = w.ticket("The cart is confusing", VAGUE)
            if vendor != "slack":
                w.reply(acme.asked(key), ANSWER)
            assert gate.reached.wait(PATIENCE)
            deployed.runtime.kill()
        deployed.runtime.start()
        if vendor == "slack":
            w.reply(acme.asked(key), ANSWER)
        acme.done(key)
        assert counted(w, acme, key) == DONE_VAGUE  # type: ignore[arg-type]


def test_an_alarm_that_fails_is_retried(deployed: Deployed) -> None:
    """By us, not by the platform, whose retries are few: a fault of ours strands nothing."""
    w, acme = deployed.world, deployed.tenants["acme"]
    acme.probe("order_faults", 2)
    key = w.ticket("The cart is confusing", VAGUE)
    assert acme.asked(key)
    assert acme.probe("alarm") is not None


def test_the_clock_finds_what_the_alarm_lost(deployed: Deployed) -> None:
    """The platform gave the alarm up, and a webhook never came: the cron has both done."""
    w, acme = deployed.world, deployed.tenants["acme"]
    with w.gate(lambda asked, what: (asked, what) == ("slack", "chat.postMessage"), acted=False) as gate:
        key = w.ticket("The cart is confusing", VAGUE)
        assert gate.reached.wait(PATIENCE)
        acme.probe("lose_alarm")
        deployed.runtime.kill()
    deployed.runtime.start()
    assert acme.probe("alarm") is None
    deployed.runtime.tick(CRON)
    assert acme.asked(key)


def test_tenants_do_not_see_each_other(deployed: Deployed) -> None:
    """Not by webhook, page or worker's token; and one that does not exist looks like any other."""
    w, acme, globex = deployed.world, deployed.tenants["acme"], deployed.tenants["globex"]
    key = w.ticket("The cart is confusing", VAGUE)
    acme.asked(key)
    assert globex.record(key) is None
    assert deployed.get(f"/items/{key}", "globex").status_code == 404
    theirs = acme.secrets["FACTORY_STATUS_TOKEN"]
    refused = [deployed.get("/", name, theirs) for name in ("globex", "nobody")]
    assert [(one.status_code, one.text) for one in refused] == [(401, refused[0].text)] * 2
    claims = [deployed.claim(name, acme.secrets["FACTORY_WORKER_TOKEN"]) for name in ("globex", "nobody")]
    assert [(one.status_code, one.text) for one in claims] == [(401, claims[0].text)] * 2
    assert deployed.post("nobody", "slack", b"{}", secret="any").status_code == 401
