"""Mistakes in what ends spending, and the schedules in which its laws break."""

from __future__ import annotations

from . import made_of_budgets as made
from .mutation import STEPS, Mutation

MUTATIONS_OF_BUDGETS = (
    Mutation("a run may cost more than its ticket has left", "item-budget-is-kept",
             STEPS + "budget:asked", "min(Decimal(str(config.agents.max_usd)), left(record, config))",
             "Decimal(str(config.agents.max_usd))", made.dear),
    Mutation("a run that was stopped is not counted", "money-is-counted",
             STEPS + "budget:settled", "if isinstance(event, AgentFinished):", "if False:", made.taken_back),
    Mutation("nothing is reserved for a run", "daily-budget-is-kept",
             STEPS + "spending:DaySpending.granted", "held.reserved + cap", "held.reserved", made.crowd),
    Mutation("what a run has cost is not counted in the day", "daily-budget-is-kept",
             STEPS + "spending:DaySpending.settled", "today.usd + counted - held.counted", "today.usd", made.busy_day),
    Mutation("the day never turns", "comes-to-rest",
             STEPS + "spending:DaySpending.at", "still_counts(self.day, now.date())", "self.day", made.late),
    Mutation("starts are not counted", "starts-are-bounded",
             STEPS + "spending:DaySpending.granted", "today.starts + 1", "today.starts", made.many),
)  # fmt: skip
