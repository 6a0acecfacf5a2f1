"""A day of tickets that cost as much as they may, against the budgets of this configuration. Nothing is started."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from factory_core.config import FactoryConfig
from factory_core.dispatch.spending import ZERO, DaySpending, Grant

from .promises import SPENT, Trial, judged

MOST_TICKETS = 2_000
_DAY = datetime(2026, 1, 1, 12, tzinfo=UTC)  # any


def spent(config: FactoryConfig, file: str) -> Trial:
    """Once by an engine that says what it costs, and once by one that does not."""
    cap, unmeasured = Decimal(str(config.agents.max_usd)), Decimal(str(config.budget.unmeasured_run))
    most = Decimal(str(config.budget.daily))
    fix = f"In {file}: set budget.unmeasuredRun to what a run of an engine costs that does not say it"
    if not unmeasured:
        return judged(SPENT, "a run of an engine that does not say what it costs counts nothing", fix)
    for each in (cap, min(cap, unmeasured)):
        sum_of_day = _day_of(config, each)
        if sum_of_day > most:
            return judged(SPENT, f"${sum_of_day} were spent in a day whose budget is ${most}", "factory doctor")
    return Trial(SPENT, "held")


def _day_of(config: FactoryConfig, cost: Decimal) -> Decimal:
    """What as many new tickets spend as are granted a run."""
    day, cap = DaySpending(), Decimal(str(config.agents.max_usd))
    for number in range(MOST_TICKETS):
        asked = Grant(usd=min(cap, Decimal(str(config.budget.item))))
        granted = day.cap(asked, config.budget, _DAY)
        if granted is None:
            break
        name = f"ticket-{number}"
        day = day.granted(name, asked, granted, _DAY)
        day = day.settled(name, counted=min(cost, granted), reserved=ZERO, now=_DAY, until=None)
    return day.usd
