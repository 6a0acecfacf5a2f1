"""GET /metrics: what this process knows of its tenants, in the text form of Prometheus. Imported when it is asked for.

https://prometheus.io/docs/instrumenting/exposition_formats/ · infra/prometheus/alerts.yaml uses these names
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from factory_core import VERSION
from factory_core.dispatch.batch import Batch
from factory_core.errors import Problem, UnreadableRecord
from factory_core.http import HttpResponse
from factory_core.performing.connections import lost_connections

from ..stores.sqlite.state_store import Counts
from .traffic import BOUNDS, Durations
from .wiring import LocalTenant


async def metrics(tenants: Sequence[LocalTenant], accept: str, dropped: int) -> HttpResponse:
    """Of these tenants and of the process. `accept`: the header of the request; `dropped`: lines of the log."""
    families = _Families(dropped)
    for tenant in tenants:
        families.add_process(tenant)
        try:
            counts, batch = await tenant.store.counts(), await _batch(tenant)
        except Problem:  # what is known without the store is shown, and that it is away
            families.gauge("store_up", "Does the store answer?", tenant.config.tenant, 0)
        else:
            families.gauge("store_up", "Does the store answer?", tenant.config.tenant, 1)
            families.add_items(tenant, counts if batch else counts._replace(unreadable=counts.unreadable + 1))
            if batch:
                families.add_batch(tenant, batch)
    registry = CollectorRegistry()
    registry.register(families)
    ProcessCollector(registry=registry)
    encode, content_type = choose_encoder(accept)
    return HttpResponse(body=encode(registry), content_type=content_type)


async def _batch(tenant: LocalTenant) -> Batch | None:
    """None where it cannot be read, though the store answers."""
    try:
        return await tenant.store.get_batch()
    except UnreadableRecord:
        return None


class _Families(Collector):
    """The metrics by name; each sample has its tenant as a label."""

    def __init__(self, dropped: int) -> None:
        self._known: dict[str, Metric] = {}
        about = GaugeMetricFamily("factory_info", "The release that runs.", labels=["version"])
        about.add_metric([VERSION], 1)
        lines = CounterMetricFamily("factory_log_lines_dropped", "Lines of the log that could not be written.")
        lines.add_metric([], dropped)
        self._known |= {"info": about, "log": lines}

    def collect(self) -> Iterator[Metric]:
        yield from self._known.values()

    def gauge(self, name: str, about: str, tenant: str, value: float, **labels: str) -> None:
        family = self._known.setdefault(
            name, GaugeMetricFamily(f"factory_{name}", about, labels=["tenant", *labels])
        )  # fmt: skip
        assert isinstance(family, GaugeMetricFamily)
        family.add_metric([tenant, *labels.values()], value)

    def counter(self, name: str, about: str, tenant: str, value: float, **labels: str) -> None:
        family = self._known.setdefault(
            name, CounterMetricFamily(f"factory_{name}", about, labels=["tenant", *labels])
        )  # fmt: skip
        assert isinstance(family, CounterMetricFamily)
        family.add_metric([tenant, *labels.values()], value)

    def histogram(self, name: str, about: str, tenant: str, durations: Durations, **labels: str) -> None:
        family = self._known.setdefault(
            name, HistogramMetricFamily(f"factory_{name}", about, labels=["tenant", *labels])
        )  # fmt: skip
        assert isinstance(family, HistogramMetricFamily)
        bounds = [*map(str, BOUNDS), "+Inf"]
        buckets = list(zip(bounds, map(float, accumulate(durations.counts)), strict=True))
        family.add_metric([tenant, *labels.values()], buckets, durations.total)

    def add_process(self, tenant: LocalTenant) -> None:
        """What this process saw since it was started."""
        name = tenant.config.tenant
        for loop, state in tenant.clockwork.states().items():
            seconds = state.last_round_s
            self.gauge("loop_last_round_seconds", "How long ago the last round was.", name, seconds, loop=loop)
            late = state.late_after_s
            self.gauge("loop_late_after_seconds", "When a round counts as late.", name, late, loop=loop)
            self.counter("loop_restarts", "Loops that ended and began again.", name, state.restarts, loop=loop)
        for provider, durations in tenant.traffic.durations.items():
            about = "From the whole request of an accepted webhook to its answer."
            self.histogram("webhook_duration_seconds", about, name, durations, provider=provider)
        for (provider, status), number in tenant.traffic.answers.items():
            self.counter("webhooks", "Webhooks by answer.", name, number, provider=provider, status=str(status))
        refusals = {(provider, "E-SIGNATURE"): 0 for provider in tenant.vendors} | tenant.intake.refusals
        for (provider, reason), number in refusals.items():
            self.counter("webhooks_refused", "Webhooks by reason.", name, number, provider=provider, reason=reason)
        self.gauge("effects_performing", "Items whose effects are performed now.", name, len(tenant.background))
        offset = tenant.clocks.offset.total_seconds()
        self.gauge("clock_offset_seconds", "This machine's clock beside the vendors', negative: behind.", name, offset)

    def add_items(self, tenant: LocalTenant, counts: Counts) -> None:
        name, now = tenant.config.tenant, tenant.recorder.clock()
        for state, (number, since) in counts.states.items():
            self.gauge("items", "Items by state.", name, number, state=state)
            about = "How long the oldest item is in the state."
            self.gauge("oldest_item_seconds", about, name, _age(since, now), state=state)
        self.gauge("unreadable_records", "Records that are damaged.", name, counts.unreadable)
        self.gauge("items_due", "Items with an effect or a look that is due.", name, counts.due)
        self.gauge("oldest_due_seconds", "How long the first of them has been due.", name, _age(counts.due_since, now))

    def add_batch(self, tenant: LocalTenant, batch: Batch) -> None:
        name, config, now = tenant.config.tenant, tenant.config, tenant.recorder.clock()
        for state in ("running", "in-review"):
            used = sum(slot.state == state for slot in batch.slots.values())
            self.gauge("slots_used", "Slots by what they are used for.", name, used, state=state)
        self.gauge("queue_length", "Items that wait for a slot.", name, len(batch.queue))
        oldest = min((entry.since for entry in batch.queue), default=None)
        self.gauge("queue_oldest_seconds", "How long the oldest of them has waited.", name, _age(oldest, now))
        spending = batch.spending.at(now)
        self.gauge("spend_today_usd", "Spent since 00:00 UTC.", name, float(spending.usd))
        self.gauge("spend_reserved_usd", "What runs may still spend.", name, float(spending.reserved))
        self.gauge("budget_daily_usd", "budget.daily.", name, float(config.budget.daily))
        self.gauge("runs_started_in_hour", "Starts in this clock hour.", name, spending.starts)
        lost = lost_connections(batch, config, now)
        for provider in tenant.vendors:
            up = 0 if provider in lost else 1
            self.gauge("connection_up", "Is the credential accepted?", name, up, provider=provider)
        for engine in config.engines():
            open_ = any(circuit.engine == engine for circuit in batch.circuits.values())
            self.gauge("engine_paused", "Can it not work?", name, int(open_), engine=engine)


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(timedelta(0), now - since).total_seconds()
