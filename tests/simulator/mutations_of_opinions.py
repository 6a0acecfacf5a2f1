"""Mistakes in what a model may do for a ticket, and the schedules in which its laws break."""

from __future__ import annotations

from . import made_of_opinions as made
from .mutation import RUNNER, STEPS, Mutation

MUTATIONS_OF_OPINIONS = (
    Mutation("a model's quotation is not looked for", "unsure-starts-by-a-quotation",
             STEPS + "model_verdict:_is_in", "return weight(wanted) >= least and any(wanted in text for text in texts)",
             "return True", made.liar),
    Mutation("a model is asked as often as there are tickets", "asked-once-about-a-text",
             STEPS + "capacity:why_no_opinion", "today.opinions >= rules.max_per_day", "False", made.many),
    Mutation("models are asked about all tickets at once", "capacity",
             RUNNER + "slots:Slots.reserve_opinion", "if batch.spending.asking >= self._config.capacity.agents:",
             "if False:", made.crowd),
    Mutation("a question that nobody needs goes on", "no-agent-is-left",
             STEPS + "opinions:_taken_back", "if asked and asked.granted else ()", "if False else ()", made.silent),
    Mutation("what a model has cost is not counted", "money-is-counted",
             STEPS + "records:_opened_by", "if isinstance(effect, AskModel):", "if False:", made.liar),
)  # fmt: skip
