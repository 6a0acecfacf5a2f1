"""What a tenant's webhooks came to in this process: how many, how they were answered, and how long that took."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass, field

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds
UNKNOWN = "unknown"  # a provider that the configuration does not name: anybody can make up names


@dataclass
class Durations:
    """`counts`: for each of BOUNDS those that took no longer, beyond the bound before; and last the longer ones."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0

    def note(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds


class Traffic:
    """`durations` of accepted webhooks by provider; `answers` by provider and HTTP status."""

    def __init__(self) -> None:
        self.durations: dict[str, Durations] = defaultdict(Durations)
        self.answers = Counter[tuple[str, int]]()

    def note(self, provider: str, status: int, seconds: float) -> None:
        self.answers[provider, status] += 1
        if status < 300:
            self.durations[provider].note(seconds)
