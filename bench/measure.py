"""A measure as data: its name, what it takes, and the figures that it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Sizes:
    """How much of everything one round does; the default is a run on record."""

    parses: int = 4000
    events: int = 3000
    requests: int = 2000  # over 32 connections; a quarter of them over one
    lifecycles: int = 400
    tickets: int = 96
    peer_lifecycles: int = 96
    resumes: int = 60
    warm: int = 200  # resumed before those: SQLite's log has its full length then, and is written over
    waiting: tuple[int, int, int] = (1_000, 10_000, 50_000)
    peer_waiting: int = 1_000
    starts: int = 5
    killed: int = 8  # effects under way when the server is killed
    idle_seconds: float = 4.0
    replays: int = 2  # so many times the rounds that were asked for are played at most, to find steady ones
    turn: int = 0  # the number of the round

    def turned(self, each: Sequence[T]) -> Sequence[T]:
        """In another order each round, so that none is always the first."""
        first = self.turn % len(each)
        return [*each[first:], *each[:first]]


QUICK = Sizes(
    parses=300, events=96, requests=64, lifecycles=32, tickets=4, peer_lifecycles=8, resumes=4, warm=2,
    waiting=(50, 100, 200), peer_waiting=20, starts=1, killed=4, idle_seconds=0.3, replays=1,
)  # fmt: skip
"""Proves that everything runs; its figures mean nothing."""


@dataclass(frozen=True)
class Figure:
    """One number of a round. `of` names the figure that its ratio is given against."""

    words: str
    unit: str
    of: str = ""


Take = Callable[[Path, Sizes], Mapping[str, float]]


@dataclass(frozen=True)
class Measure:
    """`take` gets an empty directory on the disk that is measured, and gives each of `figures` by name."""

    name: str
    figures: Mapping[str, Figure]
    take: Take
    absent: str = ""  # why it cannot be taken here


class Absent(Exception):
    """It could not be taken in this round; says why."""
