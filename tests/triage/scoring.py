"""What triage makes of the labelled tickets and answers beside this file, in figures.

`tickets.jsonl`: one ticket a line, in ten languages, written for this project. `label` is what a senior engineer would
do with it: `work` (an agent can start), `ask` (something is missing; a good question asks first for one of `missing`),
`not-agent` (a person's work, a decision, or an order that nobody should follow). `answers.jsonl`: one answer to the
question about a ticket; `label` is what should follow.

The half `tuned` may be looked at while rules are written; the half `kept` only measures them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from adapters.registry import config_model
from factory_core.config import FactoryConfig
from factory_core.dispatch.triage import Verdict, triage
from factory_core.work_item import ItemState, Source, WorkItem

HERE = Path(__file__).resolve().parent
LABELS = ("work", "ask", "not-agent")
SHOWN = {"work": "started", "ask": "asked", "not-agent": "left to a person"}
PARTS = ("tuned", "kept")
Row = dict[str, Any]


class Share(NamedTuple):
    """`count` of `total`; shown as both."""

    count: int
    total: int

    def __str__(self) -> str:
        return f"{self.count} of {self.total}"

    @property
    def ratio(self) -> float:
        return self.count / self.total


class Figures(NamedTuple):
    """Of one set of rows. Money is lost by `false_clear`, patience by `false_ask`."""

    false_clear: Share  # started, of those that should not be
    false_ask: Share  # asked or refused, of those that could start
    not_agent_started: Share
    category: Share  # questions whose first gap is one of those that the ticket has, of those rightly asked
    answers: Share  # judged right
    refusals_started: Share


@cache
def rows(name: str) -> tuple[Row, ...]:
    """The lines of one of the two files."""
    return tuple(json.loads(line) for line in (HERE / f"{name}.jsonl").read_text(encoding="utf-8").splitlines())


@cache
def config() -> FactoryConfig:
    document = {
        "intentProvider": "linear", "clarificationChannel": "slack", "outputTarget": "github",
        "repositories": {"acme/shop": {}}, "routing": {"default": "acme/shop"},
    }  # fmt: skip
    return config_model().model_validate(document)


def judged(ticket: Row, *answers: str) -> Verdict:
    item = WorkItem(
        id=ticket["id"], key=ticket["id"].upper(), title=ticket["title"], description=ticket["description"],
        labels=tuple(ticket.get("labels", ())), state=ItemState.READY, reporter="Ada", reporter_id="ada",
        source=Source(provider="linear", external_id=ticket["id"]),
    )  # fmt: skip
    return triage(item, answers, config())


def outcome(verdict: Verdict) -> str:
    """In the words of the labels."""
    return "not-agent" if not verdict.eligible else "work" if verdict.clear else "ask"


def matrix(part: str = "") -> Counter[tuple[str, str]]:
    """How often a ticket of a label got an outcome."""
    return Counter((row["label"], outcome(judged(row))) for row in _of(rows("tickets"), part))


def figures(part: str = "") -> Figures:
    """Of one half, or of both."""
    cells = matrix(part)
    wanted = {label: sum(cells[label, got] for got in LABELS) for label in LABELS}
    asked = [(row, judged(row)) for row in _of(rows("tickets"), part) if row["label"] == "ask"]
    asked = [(row, verdict) for row, verdict in asked if outcome(verdict) == "ask"]
    named = sum(bool(verdict.missing) and verdict.missing[0] in row["missing"] for row, verdict in asked)
    tickets = {row["id"]: row for row in rows("tickets")}
    answered = [(row, outcome(judged(tickets[row["ticket"]], row["answer"]))) for row in _of(rows("answers"), part)]
    refused = [got for row, got in answered if row["label"] == "not-agent"]
    return Figures(
        false_clear=Share(cells["ask", "work"] + cells["not-agent", "work"], wanted["ask"] + wanted["not-agent"]),
        false_ask=Share(wanted["work"] - cells["work", "work"], wanted["work"]),
        not_agent_started=Share(cells["not-agent", "work"], wanted["not-agent"]),
        category=Share(named, len(asked)),
        answers=Share(sum(row["label"] == got for row, got in answered), len(answered)),
        refusals_started=Share(refused.count("work"), len(refused)),
    )


def table() -> str:
    """The matrix and the figures in Markdown, for docs/triage.md."""
    cells = matrix()
    head = ["| should be | " + " | ".join(SHOWN[got] for got in LABELS) + " |", "|---|---|---|---|"]
    head += [f"| {SHOWN[label]} | " + " | ".join(str(cells[label, got]) for got in LABELS) + " |" for label in LABELS]
    names = {
        "false_clear": "started, of those that should not start", "false_ask": "not started, of those that could",
        "not_agent_started": "a person's work that an agent started", "category": "questions that name what is missing",
        "answers": "answers judged right", "refusals_started": "refusals after which an agent started",
    }  # fmt: skip
    both = [figures(part) for part in PARTS]
    lines = ["| figure | tuned half | kept half |", "|---|---|---|"]
    lines += [f"| {text} | {' | '.join(str(getattr(one, name)) for one in both)} |" for name, text in names.items()]
    return "\n".join([*head, "", *lines])


def _of(found: Iterable[Row], part: str) -> list[Row]:
    return [row for row in found if part in ("", row["part"])]
