"""What is kept of money and runs: by the item in its own record, and by the tenant in its batch.

Money is in US dollars, a day is a UTC day. What a run may cost is reserved when it is granted, and counted when its end
is known; until then all of it counts.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from pydantic import Field

from ..config import Budget
from ..runs.reported import Money
from ..work_item import StoredModel

T = TypeVar("T", date, datetime)
ZERO = Decimal(0)
FURTHEST = timedelta(days=1)  # ahead of this clock that another one is believed
LEAST = 4  # a run starts with a quarter of what it may cost at the most, or not at all


def next_day(now: datetime) -> datetime:
    """When the next UTC day begins."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def still_counts(known: T | None, now: T) -> bool:
    """Is it the same day or hour still? A clock may be behind by a day; what is further ahead was never right, and
    nothing would begin until it comes."""
    return known is not None and now <= known <= now + FURTHEST


class OpenRun(StoredModel):
    """A run that was planned and whose cost is not known yet."""

    run_id: str
    usd: Decimal  # that it may cost
    opinion: bool = False  # a question to a model about the ticket: no try at the work


class ItemSpending(StoredModel):
    """What the item has used, beside the measured cost in its record. No retry, edit or reopening takes it back."""

    estimated: Money = ZERO  # for runs that did not say what they cost
    open: tuple[OpenRun, ...] = ()
    limit: Money | None = None  # that a person raised its budget to
    cap: Decimal | None = None  # what is left of the newest grant
    started: int = 0  # runs
    day: date | None = None  # of the newest run
    runs: int = 0  # on that day

    @property
    def reserved(self) -> Decimal:
        return sum((run.usd for run in self.open), ZERO)


class Account(StoredModel):
    """One item's part of the tenant's day. `counted` is how much of the item's spending, in dollars since it began, the
    sum of the day has already."""

    counted: Decimal
    reserved: Decimal
    cap: Decimal = ZERO  # of the run that was granted last
    run: int = 0  # which one of the item's that is
    until: datetime | None = None  # without a slot: when what is still reserved counts as spent
    opinion: bool = False  # a model was asked about the item, and what that cost is not known yet


class Grant(StoredModel):
    """What an item asks of the day. `counted` is what it has spent so far, `run` how many runs it has had."""

    usd: Decimal = ZERO  # that its run may cost at the most
    counted: Decimal = ZERO
    run: int = -1


class DaySpending(StoredModel):
    """What the tenant spent today, and may spend by what runs now. A new day begins with the first change in it."""

    day: date | None = None
    usd: Decimal = ZERO
    accounts: dict[str, Account] = Field(default_factory=dict)  # by item: those with a run whose cost is not known
    hour: datetime | None = None
    starts: int = 0  # granted in that hour
    opinions: int = 0  # questions to a model, granted on that day

    @property
    def asking(self) -> int:
        """How many questions to a model may be under way."""
        return sum(account.opinion for account in self.accounts.values())

    @property
    def reserved(self) -> Decimal:
        return sum((account.reserved for account in self.accounts.values()), ZERO)

    def at(self, now: datetime) -> DaySpending:
        """As it counts now. It goes back to no earlier day or hour because two clocks differ; see still_counts()."""
        hour, changes = now.replace(minute=0, second=0, microsecond=0), dict[str, object]()
        if not still_counts(self.day, now.date()):
            changes |= {"day": now.date(), "usd": ZERO, "opinions": 0}
        if not still_counts(self.hour, hour):
            changes |= {"hour": hour, "starts": 0}
        return self.model_copy(update=changes) if changes else self

    def cap(self, asked: Grant, budget: Budget, now: datetime) -> Decimal | None:
        """What the run may cost; None when today's budget leaves too little for it."""
        today, daily = self.at(now), Decimal(str(budget.daily))
        cap = min(asked.usd, daily - today.usd - today.reserved)
        return cap if cap >= min(asked.usd, daily) / LEAST else None

    def is_full(self, budget: Budget, now: datetime) -> bool:
        """Did as many runs start in this hour as may?"""
        return self.at(now).starts >= budget.starts_per_hour

    def granted(self, item: str, asked: Grant, cap: Decimal, now: datetime) -> DaySpending:
        today = self.at(now)
        held = today.accounts.get(item) or Account(counted=asked.counted, reserved=ZERO)
        granted = {"reserved": held.reserved + cap, "cap": cap, "run": asked.run, "until": None}
        account = held.model_copy(update=granted)
        return today.model_copy(update={"accounts": {**today.accounts, item: account}, "starts": today.starts + 1})

    def granted_opinion(self, item: str, asked: Grant, cap: Decimal, now: datetime) -> DaySpending:
        """The same for a question to a model, which is no start of a run of the item's."""
        today = self.at(now)
        held = today.accounts.get(item) or Account(counted=asked.counted, reserved=ZERO)
        account = Account(counted=held.counted, reserved=held.reserved + cap, opinion=True)
        return today.model_copy(update={"accounts": {**today.accounts, item: account}, "opinions": today.opinions + 1})

    def settled(
        self, item: str, counted: Decimal, reserved: Decimal, now: datetime, until: datetime | None
    ) -> DaySpending:
        """With what the item has spent since it was counted last, and what it may still spend."""
        held = self.accounts.get(item)
        if held is None:
            return self
        until = held.until or until
        if (held.counted, held.reserved, held.until) == (counted, reserved, until):
            return self
        today = self.at(now)
        others = {name: account for name, account in today.accounts.items() if name != item}
        kept = held.model_copy(update={"counted": counted, "reserved": reserved, "until": until})
        accounts = others | ({item: kept} if reserved else {})
        return today.model_copy(update={"usd": today.usd + counted - held.counted, "accounts": accounts})

    def closed(self, item: str, now: datetime) -> DaySpending:
        """Nobody can say any more what its runs cost: all that was reserved for them."""
        today, held = self.at(now), self.accounts[item]
        others = {name: account for name, account in today.accounts.items() if name != item}
        return today.model_copy(update={"usd": today.usd + held.reserved, "accounts": others})
