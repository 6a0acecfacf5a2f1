"""Circuit breakers: an engine that cannot work on a host is paused there, and its tickets wait in line. Pure.

    closed ──a run ends by a fault──▶ open ──retry_at──▶ half open: the next in line is the probe
      ▲                                ▲                    │
      │                                └──it ends by a fault, the delay doubles
      └──the probe works───────────────────────────────────┘

A fault is a failure of the machine, the account or the vendor: sign-in, quota, overload, network, disk. The probe is a
ticket as any other: what it does is not lost.
"""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime, timedelta

from .batch import Batch, Circuit

FIRST_DELAY, LONGEST_DELAY = timedelta(seconds=15), timedelta(minutes=30)
LONGEST_RESET = timedelta(days=14)  # a vendor's word about its own limit is not trusted beyond that
MOST_CIRCUITS = 50
FIX = "factory doctor"


def name_of(engine: str, host: str) -> str:
    """The key under which the batch keeps the circuit."""
    return f"{engine} on {host}" if host else engine


def opened(batch: Batch, item: str, new: Circuit, now: datetime) -> Batch:
    """The circuit after one more fault. Only the probe's makes the delay longer: what began before the circuit was
    opened says nothing new. `new.retry_at` is the vendor's own reset, or now."""
    name = name_of(new.engine, new.host)
    known = batch.circuits.get(name)
    if known and known.probe != item:
        retry_at = max(known.retry_at, _believed(new, now))
        return _with(batch, name, known.model_copy(update={"retry_at": retry_at, "alone": new.alone}))
    failures = known.failures + 1 if known else 1
    delay = min(FIRST_DELAY * 2 ** min(failures - 1, 10), LONGEST_DELAY)
    changes: dict[str, object] = {
        "since": known.since if known else now, "failures": failures, "fix": new.fix or FIX, "tried": item,
        "retry_at": max(now + delay, _believed(new, now)),
    }  # fmt: skip
    return _with(batch, name, new.model_copy(update=changes))


def _believed(new: Circuit, now: datetime) -> datetime:
    return min(new.retry_at, now + LONGEST_RESET)


def closed(batch: Batch, item: str, engine: str, host: str) -> Batch:
    """Without the circuits that this item's run has shown to be over. Where it was another host that worked, the
    engine is paused no more."""
    kept = dict[str, Circuit]()
    for name, circuit in batch.circuits.items():
        if circuit.engine != engine or (circuit.alone and circuit.probe != item):
            kept[name] = circuit
        elif circuit.host != host:
            kept[name] = circuit.model_copy(update={"alone": False, "probe": ""})
    return batch if kept == batch.circuits else batch.model_copy(update={"circuits": kept})


def accompanied(batch: Batch, engine: str, hosts: Set[str]) -> Batch:
    """With the engine paused no more by a host that is not the only one of these."""
    for circuit in pausing(batch, engine):
        if circuit.host and hosts - {circuit.host}:
            batch = _with(
                batch, name_of(engine, circuit.host), circuit.model_copy(update={"alone": False, "probe": ""})
            )
    return batch


def pausing(batch: Batch, engine: str) -> tuple[Circuit, ...]:
    """The circuits that keep the engine from all work."""
    return tuple(circuit for circuit in batch.circuits.values() if circuit.engine == engine and circuit.alone)


def why_paused(batch: Batch, engine: str, now: datetime) -> str:
    """Why the engine starts nothing now; empty when it may, be it as a probe. The same words for the whole outage."""
    for circuit in pausing(batch, engine):
        slot = batch.slots.get(circuit.probe)
        if now < circuit.retry_at or (slot and slot.state == "running"):
            return f"{name_of(engine, circuit.host)} cannot work: {circuit.why}"
    return ""


def probed_by(batch: Batch, item: str, engine: str) -> Batch:
    """With the item, which was given a slot, as the probe of the engine, where that is paused."""
    for circuit in pausing(batch, engine):
        changed = circuit.model_copy(update={"probe": item})
        batch = _with(batch, name_of(circuit.engine, circuit.host), changed)
    return batch


def is_probe(batch: Batch, item: str) -> bool:
    return any(circuit.probe == item for circuit in batch.circuits.values())


def was_tried(batch: Batch, item: str) -> bool:
    """Did it meet the newest failure of an engine that is paused?"""
    return any(circuit.tried == item and circuit.alone for circuit in batch.circuits.values())


def _with(batch: Batch, name: str, circuit: Circuit) -> Batch:
    """Workers name themselves, so of very many circuits the one is given up whose engine may be tried first."""
    circuits = {**batch.circuits, name: circuit}
    if len(circuits) > MOST_CIRCUITS:
        del circuits[min(circuits.keys() - {name}, key=lambda other: (circuits[other].alone, circuits[other].retry_at))]
    return batch.model_copy(update={"circuits": circuits})
