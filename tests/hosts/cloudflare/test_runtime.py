"""The Worker in the real runtime: all of it is imported, a signed webhook is heard, and a stranger wakes nobody."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from typing import Any

from factory_core.dispatch.batch import DeliveryGap
from factory_core.dispatch.records import ENDED
from tests.scenarios.counting import VAGUE
from tests.scenarios.server_process import now, until

from .deployed import CRON, OPERATOR, STATUS, Deployed


def test_the_core_starts_in_the_real_runtime(deployed: Deployed) -> None:
    """Every module of the package was imported before the first answer: none draws chance or asks the time by that."""
    imported = (deployed.runtime.worker / "src/main.py").read_text()
    assert (
        "import factory_core.intake.intake\n" in imported and "import adapters.providers.linear.webhook\n" in imported
    )
    answer = deployed.get("/healthz")
    assert (answer.status_code, answer.json()["ok"]) == (200, True)


def test_a_signed_webhook_is_answered_when_it_is_saved(deployed: Deployed) -> None:
    """What Slack says about its own URL, it hears back; a wrong secret is refused."""
    body = json.dumps({"type": "url_verification", "challenge": "c0ffee"}).encode()
    answer = deployed.post("acme", "slack", body)
    assert (answer.status_code, "c0ffee" in answer.text) == (200, True)
    assert deployed.post("acme", "slack", body, secret=secrets.token_hex(16)).status_code == 401


def test_a_ticket_becomes_a_question(deployed: Deployed) -> None:
    """From Linear's signed webhook to a thread in Slack: decided, saved and performed in the object."""
    key = deployed.world.ticket("The cart is confusing", VAGUE)
    assert deployed.tenants["acme"].asked(key)


def test_webhooks_that_the_object_did_not_answer_are_followed_by_one_look(deployed: Deployed) -> None:
    """The Worker notes it elsewhere; when the object is back, its clock finds the note, once."""
    acme = deployed.tenants["acme"]
    acme.probe("be_silent", True)
    try:
        assert deployed.post("acme", "github", b"{}").status_code == 503
    finally:
        acme.probe("be_silent", False)
    noted = gap_after_tick(deployed)
    assert noted and noted.cause == "webhooks got no answer"
    assert gap_after_tick(deployed) == noted


def test_a_tick_that_comes_late_is_followed_by_a_look(deployed: Deployed) -> None:
    late = gap_after_tick(deployed, timedelta(minutes=6))
    assert late and late.cause == "the platform's clock stood still"
    assert gap_after_tick(deployed) == late


def gap_after_tick(deployed: Deployed, late: timedelta = timedelta(0)) -> DeliveryGap | None:
    deployed.runtime.tick(CRON, late)
    looks = deployed.tenants["acme"].probe("store", "get_batch").catch_up
    gap: DeliveryGap | None = looks and looks.gap
    return gap


def test_without_its_object_a_page_shows_what_it_showed_last(deployed: Deployed) -> None:
    """In the past tense, and to its tenant alone; senders hear 503 and come again."""
    acme = deployed.tenants["acme"]
    assert deployed.get("/", "acme").status_code == 200
    acme.probe("be_silent", True)
    try:
        page, strange = deployed.get("/", "acme"), deployed.get("/", "acme", "wrong")
        assert (page.status_code, "Below is the floor as of" in page.text) == (503, True)
        assert (strange.status_code, strange.json()["what"]) == (503, "the tenant's object does not answer")
        assert deployed.post("acme", "slack", b"{}").status_code == 503
    finally:
        acme.probe("be_silent", False)
    assert deployed.get("/", "acme").status_code == 200


def test_an_operator_has_a_ticket_forgotten(deployed: Deployed) -> None:
    """With a token of its own, when the ticket is over; then none of its words is in the object."""
    w, acme, word = deployed.world, deployed.tenants["acme"], "Zebulonine"
    key = w.ticket(f"The cart of {word} is confusing", VAGUE)
    acme.asked(key)

    def forget(token: str, tenant: str = "acme") -> Any:
        auth = (tenant, deployed.tenants["acme"].secrets[token])
        return deployed.runtime.http.post(f"{deployed.url}/items/{key}/forget", json={"by": "maya"}, auth=auth)

    refused = [forget(STATUS), forget(OPERATOR, "globex"), forget(OPERATOR, "nobody")]
    assert [one.status_code for one in refused] == [401] * 3
    assert forget(OPERATOR).status_code == 409
    w.call(w.sandbox.linear.remove_issue, key)
    acme.until(key, lambda record: record.state in ENDED and not record.outbox)
    assert forget(OPERATOR).json()["changed"] is True
    until(lambda: acme.record(key) is None, every=0.2)
    tables = ("in_flight", "aliases", "clarifications", "batches", "runs")
    assert word not in str([acme.probe("execute", f"SELECT * FROM {table}") for table in tables])


def test_what_a_page_showed_last_is_dropped_although_nobody_looks(deployed: Deployed) -> None:
    """It names tickets, which may be forgotten meanwhile."""
    acme = deployed.tenants["acme"]
    assert deployed.get("/", "acme").status_code == 200
    within = acme.probe("kept_reports")["acme"] - now().timestamp()
    assert 0 < within <= 86_400
