"""A vendor is a folder and a line: one that only the registry learns of is served everywhere."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters import registry
from adapters.assembly import handlers_of, ports_of, webhooks_of
from adapters.config_text import config_of
from adapters.credentials.secrets import Secrets
from adapters.providers.http_call import RedactingClient
from adapters.stores.memory.state_store import InMemoryStateStore
from adapters.web.status_page import page
from factory_core.dispatch.records import InFlightRecord, State
from factory_core.errors import ConfigProblem
from factory_core.http import HttpRequest
from factory_core.overview import overview
from factory_core.performing.event_recorder import LeaseHolder
from factory_core.runs.run import RunStatus
from factory_core.work_item import Source
from factory_sandbox import samples
from factory_simulator.recording_ports import RecordingFleet
from tests.cli.calling import NOWHERE, within
from tests.core.world import START, process_of, run, ticket

from .toy_vendor import checked, ready, sign, toy

CONFIG = """\
intentProvider: toy
clarificationChannel: toy
outputTarget: toy
repositories: {acme/shop: {}}
routing: {default: acme/shop}
agents: {engine: console}
merge: {policy: on-green, requiredChecks: [ci]}
toy: {box: B1}
"""
SECRET = "the-secret-of-the-toy"


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The line in the registry, and the sandbox's samples."""
    monkeypatch.setitem(registry.VENDORS, "toy", toy())
    monkeypatch.setattr(samples, "SIGN", {**samples.SIGN, "toy": sign})
    added = {"toy.ticket.ready": ready, "toy.pull.checked": checked}
    monkeypatch.setattr(samples, "SAMPLES", {**samples.SAMPLES, **added})
    registry.config_model.cache_clear()
    yield
    registry.config_model.cache_clear()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "factory.config.yaml").write_text(CONFIG)
    (tmp_path / ".env").write_text(f"TOY_TOKEN=a-token\nTOY_SECRET={SECRET}\n")
    (tmp_path / ".env").chmod(0o600)
    return tmp_path


@pytest.mark.pure
def test_its_ticket_goes_from_a_webhook_to_a_merged_pull_request() -> None:
    """Signed webhook → run → pull request → green → merged; the page shows its name and leads to its site."""

    async def main() -> None:
        config = config_of(CONFIG, "factory.config.yaml")
        secrets = Secrets({"TOY_TOKEN": "a-token", "TOY_SECRET": SECRET})
        store, fleet, woken = InMemoryStateStore(lambda: START), RecordingFleet(lambda: START), list[InFlightRecord]()
        async with RedactingClient(secrets.redact) as http:
            ports = ports_of(config, secrets, http)
            factory = process_of(
                config, store, handlers_of(config, store, ports, fleet), lambda: START,
                LeaseHolder("one", woken.append), webhooks=webhooks_of(config, secrets), redact=secrets.redact,
            )  # fmt: skip

            async def settle() -> None:
                while woken:
                    await factory.performer.perform(woken.pop(0))

            async def deliver(name: str, secret: str = SECRET) -> int:
                sent = samples.sample(name, {}, secret, START, lambda: str(uuid.uuid4()))
                request = HttpRequest(headers=sent.headers, body=sent.body, received_at=START)
                status = (await factory.intake.handle_webhook(sent.provider, request)).status
                await settle()
                return status

            async def state() -> State:
                record = await store.get_in_flight("TOY-1")
                assert record is not None
                return record.state

            source = Source(provider="toy", external_id="toy-1", url="https://toy.example/TOY-1")
            ports.tracker.items["TOY-1"] = ticket("TOY-1", project="", source=source, url="https://toy.example/TOY-1")
            assert await deliver("toy.ticket.ready", "another-secret-of-it") == 401
            assert await store.get_in_flight("TOY-1") is None
            assert await deliver("toy.ticket.ready") == 200
            assert await state() is State.RUNNING
            report = await overview(factory.observed, fleet, "1", "memory")
            assert report.items[0].url == "https://toy.example/TOY-1" and "Toy Box" in page(report).html
            await factory.recorder.finished(fleet.end(fleet.live[0], RunStatus.SUCCEEDED, words="Done."))
            await settle()
            assert await state() is State.IN_REVIEW
            shown = page(await overview(factory.observed, fleet, "1", "memory")).html
            assert 'href="https://toy.example/acme/shop/pull/1"' in shown
            ports.target.green(1)
            assert await deliver("toy.pull.checked") == 200
            assert await state() is State.DONE and ports.target.merges == [(1, "sha1")]

    run(main())


@pytest.mark.pure
def test_its_section_is_checked_by_its_own_model() -> None:
    """File, line, key and the nearest right one."""
    with pytest.raises(ConfigProblem) as wrong:
        config_of(CONFIG.replace("box", "bx"), "f.yaml")
    assert wrong.value.what == "f.yaml, line 8: toy.bx" and "did you mean 'box'?" in wrong.value.why


def test_check_doctor_connect_and_trigger_ask_for_it(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its line, its name, its secrets and where they are found, its samples."""
    (place / ".env").write_text("")
    lacking = within("check", cwd=place, capsys=capsys)
    assert lacking.code == 4 and "toy  ✗ needs-auth → run: factory connect toy" in lacking.out
    no_secret = within("trigger", "toy.ticket.ready", cwd=place, capsys=capsys)
    assert no_secret.code == 4 and "No toy signing secret." in no_secret.err and "the box → below" in no_secret.err
    given = f"a-token\n{SECRET}\n"
    stored = within("connect", "toy", "--token", "-", "--signing-secret", "-", cwd=place, capsys=capsys, given=given)
    assert stored.code == 0 and stored.err == "Stored in .env: TOY_TOKEN, TOY_SECRET\n"
    assert "toy  ✓ connected" in within("check", cwd=place, capsys=capsys).out
    doctor = within("doctor", "toy", cwd=place, capsys=capsys)
    assert "Toy Box\n" in doctor.out and "toys:play" in doctor.out
    assert "toy.ticket.ready" in within("trigger", "--list", cwd=place, capsys=capsys).out.splitlines()
    unheard = within("trigger", "toy.ticket.ready", "--to", NOWHERE, cwd=place, capsys=capsys)
    assert unheard.code == 1 and f"{NOWHERE}/hooks/default/toy" in unheard.err


def test_doctor_names_the_key_of_its_section_that_is_missing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "factory.config.yaml").write_text(CONFIG.replace("toy: {box: B1}\n", ""))
    found = within("doctor", "--json", cwd=place, capsys=capsys)
    assert "In factory.config.yaml: set toy.box" in found.out


def test_init_writes_its_section_and_the_environment_topic_lists_its_secrets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    roles = ("--tracker", "toy", "--chat", "toy", "--code", "toy", "--channel", "B1", "--repo", "acme/shop")
    assert within("init", *roles, "--yes", cwd=tmp_path, capsys=capsys).code == 0
    assert config_of((tmp_path / "factory.config.yaml").read_text(), "f").providers() == ("toy",)
    assert "TOY_TOKEN" in within("help", "environment", cwd=tmp_path, capsys=capsys).out
