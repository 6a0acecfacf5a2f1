"""What the schedule's faults make hopeless, and so explain: a block, words that were never said, a ticket not moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from factory_core.dispatch.budget import spent
from factory_core.dispatch.records import InFlightRecord

from .world import LARGE

if TYPE_CHECKING:
    from .simulation import Simulation

BETWEEN_TRIES = 600.0  # seconds, by whatever clock
DIED, FAILED = "its worker died over it each time", " did not work: "
STANDS = frozenset({"down", "pause", "stall", "sleep"})  # whatever is to be done
SLOW = STANDS | {"away", "busy", "hang"}


def is_hopeless(simulation: Simulation, *calls: str) -> bool:
    """May one of these have been given up: refused, deadly, or failing for as long as vendors are given?"""
    faults = simulation.schedule.faults
    of_them = [fault for fault in faults if fault.call in ("", *calls) or fault.kind in STANDS]
    lasted = sum(fault.seconds for fault in of_them if fault.kind in SLOW)
    hopeless = any(fault.kind in ("refused", "deadly") for fault in of_them)
    return hopeless or lasted + BETWEEN_TRIES >= simulation.schedule.rules.gives_up


def explained(simulation: Simulation, record: InFlightRecord | None) -> str:
    """The reason of its block, if a fault of the schedule is the cause; else nothing."""
    block, faults = record.block if record else None, simulation.schedule.faults
    if block is None:
        return ""
    by_fault = {
        "effect-failed": _failed(simulation, block.why),
        "vendor-outage": not block.order and _failed(simulation, block.why),
        "budget-item": record is not None and _is_spent(record, simulation.schedule.rules.item),
        "pull-request-gone": any(fault.kind == "gone" for fault in faults),
        "stopped": "by this machine's clock" in block.why and simulation.wrong_clocks.has_been_wrong(),
    }
    return block.reason if by_fault.get(block.reason) else ""


def _is_spent(record: InFlightRecord, item: float) -> bool:
    """A run may start with a quarter of what a ticket may cost."""
    return float(spent(record) + record.spending.reserved) > item * 3 / 4


def _failed(simulation: Simulation, why: str) -> bool:
    """Does the plan hold what this effect is said to have met?"""
    faults = simulation.schedule.faults
    if LARGE in why:
        return any(fault.kind == "large" for fault in faults)
    if DIED in why:
        deaths = sum(fault.kind in ("crash", "torn") for fault in faults)
        return deaths >= 8 or any(fault.kind == "deadly" for fault in faults)
    _, _, met = why.partition(FAILED)
    call, failed, _ = met.partition(FAILED.rstrip(": "))
    calls = [call] if failed else [fault.call for fault in faults]  # one that was too slow is called by its effect
    return bool(met) and is_hopeless(simulation, *calls)
