"""What /metrics shows and to whom; and each alert of infra/prometheus fires in its state, and in no other."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import httpx2
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from adapters import clockwork
from adapters.assembly import utc_now
from adapters.clockwork import Clockwork
from adapters.credentials.secrets import Secrets
from adapters.local.server import Site
from adapters.local.wiring import LocalTenant, open_store
from adapters.registry import config_model
from adapters.stores.record_sql import Statement, select_states
from adapters.stores.sqlite.sqlite_file import SqliteFile
from factory_core.dispatch.batch import Batch, Circuit, LostConnection, QueueEntry
from factory_core.dispatch.records import InFlightRecord, State
from factory_core.dispatch.spending import DaySpending
from tests.architecture.tree import ROOT
from tests.hosts.test_answering import SECRET, ready
from tests.scenarios.server_process import HOOKS, TOKENS

ALERTS = ROOT / "infra" / "prometheus" / "alerts.yaml"
ACME, GLOBEX = "acme-token-0123456789", "globex-token-0123456789"
Samples = dict[str, float]
FIRING = 'count by (alertname) (ALERTS{alertstate="firing"})'


@dataclass
class Log:
    dropped: int = 0
    hangs: bool = False


@dataclass
class Server:
    """The site of a tenant, asked by this machine."""

    tenant: LocalTenant
    file: SqliteFile
    client: httpx2.AsyncClient
    log: Log
    faults: list[Exception] = field(default_factory=list)  # that its sweep will meet

    async def sweep(self) -> None:
        if self.faults:
            raise self.faults.pop()

    async def scrape(self, **headers: str) -> Samples:
        said = await self.client.get("/metrics", headers=headers)
        assert said.status_code == 200, said.text
        return samples(said.text)


def samples(text: str) -> Samples:
    """The factory's own, as Prometheus writes their names."""

    def labels(one: Sample) -> str:
        return ",".join(f"{label}={json.dumps(one.labels[label])}" for label in sorted(one.labels))

    return {
        f"{one.name}{{{labels(one)}}}": one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
        if one.name.startswith("factory_")
    }


@asynccontextmanager
async def serving(path: Path, *tenants: str, tokens: Mapping[str, str] = {}) -> AsyncIterator[Server]:
    log, made, file = Log(), dict[str, LocalTenant](), None
    for name in tenants or ("acme",):
        config = config_model()(
            tenant=name, intent_provider="linear", clarification_channel="slack", output_target="github"
        )
        file, presence = open_store(config, path)
        secrets = Secrets(dict.fromkeys((*HOOKS.values(), *TOKENS.values()), SECRET))
        made[name] = LocalTenant(config, secrets, file, presence, path, {})
    assert file is not None
    transport = httpx2.ASGITransport(app=Site(made, "1", tokens, log).app(), client=("127.0.0.1", 1))
    first = next(iter(made.values()))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield Server(first, file, client, log)
    for tenant in made.values():
        await tenant.clockwork.close()
        await tenant.background.close(patience=0)
        await tenant.http.aclose()


# to whom


def test_each_tenants_token_opens_its_own_metrics_alone(tmp_path: Path) -> None:
    async def story() -> None:
        tokens = {"acme": ACME, "globex": GLOBEX}
        async with serving(tmp_path, "acme", "globex", tokens=tokens) as server:
            for path in ("/metrics", "/status.json", "/"):
                assert (await server.client.get(path)).status_code == 401
                wrong = await server.client.get(path, headers={"authorization": "Bearer wrong"})
                assert wrong.status_code == 401 and "acme" not in wrong.text
            for own, token, other in (("acme", ACME, "globex"), ("globex", GLOBEX, "acme")):
                headers = {"authorization": f"Bearer {token}"}
                seen = "".join(await server.scrape(**headers))
                assert f'tenant="{own}"' in seen and other not in seen
                health = (await server.client.get("/healthz", headers=headers)).json()
                assert own in health and other not in health

    asyncio.run(story())


# what


def test_items_are_counted_without_reading_them(tmp_path: Path) -> None:
    """The index alone answers, however many there are; a body that is damaged is counted as that."""

    async def story() -> None:
        async with serving(tmp_path) as server:
            now = utc_now()
            for number, state in enumerate([State.QUEUED, State.QUEUED, State.DONE, State.NEW]):
                since = now - timedelta(hours=number + 1)
                record = InFlightRecord(work_item_id=f"item-{number}", state=state, since=since)
                await server.tenant.store.put_in_flight(record.but(wake_at=since if number == 2 else None))
            await damaged(server)
            counts = await server.tenant.store.counts()
            assert {state: number for state, (number, _) in counts.states.items()} == {"queued": 2, "done": 1, "new": 1}
            assert counts.states["queued"][1] == now - timedelta(hours=2)
            assert (counts.unreadable, counts.due, counts.due_since) == (1, 1, now - timedelta(hours=3))
            (plan,) = await server.file.read(Statement(f"EXPLAIN QUERY PLAN {select_states('acme').sql}", ("acme",)))
            assert "in_flight_state" in plan[-1]

    asyncio.run(story())


DAMAGED_BODIES = (
    '{"state": "queued", "since": "garbage"}', '{"state": "queued", "since": "2020-01-01"}', '{"since": 5}', "[1]",
    *(json.dumps({"state": f'made "up"\n{number}'}) for number in range(5)), '{"state": {"a": 1}}', "{",
)  # fmt: skip


def test_damaged_records_hide_no_figure_and_make_no_labels(tmp_path: Path) -> None:
    """Nor does a record of the slots that cannot be read: the store answers."""

    async def story() -> None:
        async with serving(tmp_path) as server:
            await healthy(server)
            sql = "INSERT INTO in_flight (tenant, work_item_id, version, body) VALUES ('acme', ?, 1, ?)"
            for number, body in enumerate(DAMAGED_BODIES):
                await server.file.write((Statement(sql, (f"X-{number}", body)),))
            seen = await server.scrape()
            states = {name for name in seen if name.startswith("factory_items{")}
            assert states <= {f'factory_items{{state="{state}",tenant="acme"}}' for state in State}
            assert seen['factory_items{state="queued",tenant="acme"}'] >= 2
            assert seen['factory_unreadable_records{tenant="acme"}'] == 7
            await server.tenant.store.put_batch(await server.tenant.store.get_batch())
            await server.file.write((Statement("UPDATE batches SET body = '{'"),))
            seen = await server.scrape()
            assert seen['factory_store_up{tenant="acme"}'] == 1
            assert seen['factory_unreadable_records{tenant="acme"}'] == 8

    asyncio.run(story())


def test_webhooks_are_counted_by_vendor_answer_and_reason(tmp_path: Path) -> None:
    async def story() -> None:
        async with serving(tmp_path) as server:
            await healthy(server)
            await refused(server)
            await server.client.post("/hooks/acme/made-up-name", content=b"{}")
            seen = await server.scrape()
            assert seen['factory_webhooks_total{provider="linear",status="200",tenant="acme"}'] == 1
            assert seen['factory_webhooks_total{provider="linear",status="401",tenant="acme"}'] == 5
            assert seen['factory_webhooks_refused_total{provider="linear",reason="E-SIGNATURE",tenant="acme"}'] == 5
            assert seen['factory_webhook_duration_seconds_count{provider="linear",tenant="acme"}'] == 1
            assert seen['factory_webhooks_refused_total{provider="unknown",reason="E-NOT-FOUND",tenant="acme"}'] == 1
            assert "made-up-name" not in "".join(seen)

    asyncio.run(story())


# the alerts: what brings a server into each state

Bring = Callable[[Server], Awaitable[None]]


async def healthy(server: Server) -> None:
    """It goes round, and everything went well once."""
    server.tenant.clockwork.start("sweep", server.sweep, every=0, within=120)
    raw, headers = ready("GENT-1")
    assert (await server.client.post("/hooks/acme/linear", content=raw, headers=headers)).status_code == 200
    await server.tenant.background.close(patience=0)
    record = await server.tenant.store.get_in_flight("GENT-1")
    assert record is not None
    await server.tenant.store.put_in_flight(record.but(wake_at=None))


async def damaged(server: Server) -> None:
    sql = "INSERT INTO in_flight (tenant, work_item_id, version, body) VALUES ('acme', 'X-1', 1, '{')"
    await server.file.write((Statement(sql),))


async def refused(server: Server) -> None:
    for _ in range(5):
        said = await server.client.post("/hooks/acme/linear", content=b"{}", headers={"linear-signature": "0" * 64})
        assert said.status_code == 401


async def slow(server: Server) -> None:
    for _ in range(20):
        server.tenant.traffic.note("linear", 200, 4.0)


async def store_away(server: Server) -> None:
    server.file.path.rename(server.file.path.with_name("away"))
    await asyncio.sleep(0.03)  # the store looks whether its file is in its place every 0.02 s


async def loop_hangs(server: Server) -> None:
    seconds = iter([0.0])
    server.tenant.clockwork = Clockwork(utc_now, lambda: next(seconds, 500.0))
    server.tenant.clockwork.start("check-in", asyncio.Event().wait, every=0.5, within=120)


async def loop_ends(server: Server) -> None:
    server.faults.append(ValueError("odd"))
    while not server.tenant.clockwork.states()["sweep"].restarts:  # noqa: ASYNC110 - it sets no event
        await asyncio.sleep(0)


async def due_for_long(server: Server) -> None:
    record = InFlightRecord(work_item_id="item-2", state=State.QUEUED, wake_at=utc_now() - timedelta(hours=1))
    await server.tenant.store.put_in_flight(record)


async def clock_off(server: Server) -> None:
    server.tenant.clocks.note("slack", {"date": format(utc_now() + timedelta(minutes=10), "%a, %d %b %Y %H:%M:%S GMT")})


async def log_lost(server: Server) -> None:
    server.log.dropped = 7


def kept(make: Callable[[datetime], Batch]) -> Bring:
    async def put(server: Server) -> None:
        known = await server.tenant.store.get_batch()
        await server.tenant.store.put_batch(make(utc_now()).model_copy(update={"version": known.version}))

    return put


STATES: dict[str, Bring] = {
    "FactoryStoreAway": store_away,
    "FactoryLoopLate": loop_hangs,
    "FactoryLoopRestarted": loop_ends,
    "FactoryEffectsLate": due_for_long,
    "FactoryRecordDamaged": damaged,
    "FactoryWebhooksRefused": refused,
    "FactoryWebhooksSlow": slow,
    "FactoryConnectionLost": kept(
        lambda now: Batch(lost={"slack": LostConnection(since=now, seen_at=now, why="invalid_auth")})
    ),
    "FactoryEnginePaused": kept(
        lambda now: Batch(circuits={"claude": Circuit(engine="claude", why="quota", fix="", since=now, retry_at=now)})
    ),
    "FactoryQueueOld": kept(
        lambda now: Batch(queue=(QueueEntry(work_item_id="a", repository="a/b", since=now - timedelta(days=2)),))
    ),
    "FactoryBudgetNearlySpent": kept(lambda now: Batch(spending=DaySpending(day=now.date(), usd=Decimal(95)))),
    "FactoryClockOff": clock_off,
    "FactoryLogLost": log_lost,
}
"""Alert → what brings a healthy server into its state. FactoryDown is about a server that is not scraped."""


def test_each_alert_fires_in_its_state_and_in_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten minutes of a healthy server, and ten of one in that state: two real scrapes, and Prometheus's own rules."""
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed")
    monkeypatch.setattr(clockwork, "FIRST_PAUSE", 0.0)

    async def scrapes(path: Path, state: Bring) -> tuple[Samples, Samples]:
        async with serving(path) as server:
            await healthy(server)
            before = await server.scrape()
            await state(server)
            return before, await server.scrape()

    tests = [played("FactoryDown", {'up{job="factory"}': 1}, {'up{job="factory"}': 0})]
    for alert, state in STATES.items():
        (tmp_path / alert).mkdir()
        tests.append(played(alert, *asyncio.run(scrapes(tmp_path / alert, state))))
    rules = {rule["alert"] for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]}
    assert rules == {*STATES, "FactoryDown"}
    file = tmp_path / "test.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": tests}))
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def played(alert: str, before: Samples, after: Samples) -> dict[str, object]:
    """A test of promtool's: none fires in the ninth minute, and in the twentieth this one alone."""
    series = [
        {"series": name, "values": f"{before.get(name, '_')}x10 {after.get(name, '_')}x20"}
        for name in {**before, **after}
    ]
    one = [{"labels": f'{{alertname="{alert}"}}', "value": 1}]
    return {
        "name": alert,
        "interval": "1m",
        "input_series": series,
        "promql_expr_test": [
            {"expr": FIRING, "eval_time": "9m", "exp_samples": []},
            {"expr": FIRING, "eval_time": "20m", "exp_samples": one},
        ],
    }
