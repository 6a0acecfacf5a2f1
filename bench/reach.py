"""What was to be reached, as data: each goal compares figures of the same round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import ge, le, lt

from .rounds import Round, median, ratio, ratios

SIGNS: dict[str, Callable[[float, float], bool]] = {"≥": ge, "≤": le, "<": lt}


@dataclass(frozen=True)
class Goal:
    """`name` against `of` (or by itself), `sign` and `limit`; `worst`: in the round in which it was largest."""

    number: str
    words: str
    name: str
    sign: str
    limit: float
    of: str = ""
    unit: str = ""
    worst: bool = False

    def measured(self, played: Sequence[Round]) -> float | None:
        if self.worst:
            return max(ratios(played, self.name, self.of), default=None)
        return ratio(played, self.name, self.of) if self.of else median(played, self.name)

    def met(self, played: Sequence[Round]) -> bool | None:
        """None when one of the figures is missing."""
        found = self.measured(played)
        return None if found is None else SIGNS[self.sign](found, self.limit)


GOALS = (
    Goal("1", "commits per webhook", "factory.commits.webhook", "≤", 1),
    Goal("1", "commits per webhook that comes again", "factory.commits.redelivery", "≤", 0),
    Goal("1", "commits per delivered effect", "factory.commits.effect", "≤", 1),
    Goal("2", "store event, of the raw event at FULL", "factory.event", "≥", 0.80, "floor.event", "×"),
    Goal("2", "ack at 32 connections, of raw ASGI + event", "factory.ack.c32", "≥", 1.0, "floor.http.event.c32", "×"),
    Goal(
        "2 stretch", "ack at 32, of raw ASGI + group commit", "factory.ack.c32", "≥", 0.6, "floor.http.group.c32", "×"
    ),
    Goal("3", "lifecycles at 1, of DBOS", "factory.lifecycle.c1", "≥", 10, "dbos.lifecycle.c1", "×"),
    Goal("3", "lifecycles at 1, of LangGraph", "factory.lifecycle.c1", "≥", 5, "langgraph.lifecycle.c1", "×"),
    Goal("3", "lifecycles at 1, of the floor", "factory.lifecycle.c1", "≥", 0.6, "floor.lifecycle.c1", "×"),
    Goal("3", "lifecycles at 32, of DBOS", "factory.lifecycle.c32", "≥", 20, "dbos.lifecycle.c32", "×"),
    Goal("3", "lifecycles at 32, of LangGraph", "factory.lifecycle.c32", "≥", 10, "langgraph.lifecycle.c32", "×"),
    Goal(
        "3",
        "lifecycles at 32, of the group-commit floor",
        "factory.lifecycle.c32",
        "≥",
        0.4,
        "floor.lifecycle.c32",
        "×",
    ),
    Goal("4", "resume p50, many waiting to few", "factory.resume.many", "≤", 1.3, "factory.resume.few", "×"),
    Goal("4", "idle CPU, few waiting", "factory.idle_cpu.few", "<", 1, unit="%"),
    Goal("4", "idle CPU, many waiting", "factory.idle_cpu.many", "<", 1, unit="%"),
    Goal("4", "restart, many waiting to none", "factory.restart.many", "≤", 1.2, "factory.restart.empty", "×"),
    Goal("4", "records written by a restart over items that wait", "factory.reexecuted", "≤", 0),
    Goal("4", "effects performed twice after a kill amid them", "factory.kill.twice", "≤", 0),
    Goal("5", "rows per finished lifecycle", "factory.lifecycle.rows", "≤", 5),
    Goal("5", "disk per lifecycle, of the floor's", "factory.lifecycle.bytes", "≤", 1.5, "floor.lifecycle.bytes", "×"),
    Goal("6", "time of verify + typed parse, of HMAC + json.loads", "floor.parse", "≤", 1.0, "factory.parse", "×"),
    Goal("7", "init, of DBOS", "factory.init", "≤", 0.25, "dbos.init", "×"),
    Goal("7", "idle memory, of DBOS", "factory.rss.few", "≤", 0.5, "dbos.rss", "×"),
    Goal("7", "factory --help, of bare Python", "factory.help", "≤", 2.6, "floor.python", "×"),
    Goal("7", "factory --help, of bare Python, at worst", "factory.help", "≤", 4.5, "floor.python", "×", worst=True),
    Goal(
        "8",
        "import of the webhooks' Lambda, of models + client",
        "factory.aws.import",
        "≤",
        0.6,
        "floor.aws.import",
        "×",
    ),
    Goal("9", "DynamoDB: round trips before an ack", "factory.aws.trips", "≤", 2.6),
    Goal("9", "DynamoDB: write units of a lifecycle", "factory.aws.writes", "≤", 26),
    Goal("9", "DynamoDB: write units of a redelivery", "factory.aws.redelivery", "≤", 0),
    Goal("9", "list price, of Step Functions Standard", "factory.aws.price", "≤", 0.15, "step-functions.price", "×"),
    Goal("10", "Durable Object: requests for a webhook", "factory.object.requests", "≤", 1),
    Goal("10", "Durable Object: rows written in a lifecycle", "factory.object.rows", "≤", 21),
)

BESIDE_PEERS = {
    "factory.lifecycle.c1": ("lifecycles as the peers', 1 at once", "lifecycle.c1"),
    "factory.lifecycle.c32": ("lifecycles as the peers', 32 at once", "lifecycle.c32"),
    "factory.lifecycle.bytes": ("disk per such lifecycle", "lifecycle.bytes"),
    "factory.resume.few": ("resume p50, few waiting", "resume"),
    "factory.rss.few": ("idle memory", "rss"),
    "factory.init": ("init", "init"),
}
"""Figures of ours, each shown as a multiple of every peer's, and the peers' name of it."""
