"""Patterns of paths (globs), matched in time that grows with the path and nothing else.

`*` stays within a folder, `**` crosses folders, `?` is one character; a pattern without `/` fits a name in any folder.
All patterns together are one automaton whose positions are the bits of a number: each character moves all of them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, Field

from .normal_form import normal_form

LONGEST = 200  # characters of a pattern
_CHOICE = re.compile(r"\{[^{}/]*,[^{}]*\}")  # as shells have it; here it would stand for itself, and fit nothing
_PARTS = re.compile(r"\*\*/|\*\*|\*|\?|.", re.DOTALL)


class PathPatterns:
    """`folded`: as file systems see names that do not tell case, or invisible characters and dots at the end, apart."""

    def __init__(self, patterns: Sequence[str], *, folded: bool = False) -> None:
        self._fold = fold if folded else str
        self._size = 0
        self._reads: dict[str, int] = {}  # character → the positions that read it
        self._within = 0  # positions that read any character but `/`
        self._stays, self._stays_within = 0, 0  # those that go on reading, likewise
        self._skip_one, self._skip_three = 0, 0  # positions that need not read
        self._starts, self._ends, self._literal = 0, 0, 0
        for pattern in patterns:
            self._add(self._fold(pattern))

    def matches(self, path: str) -> bool:
        """The whole path."""
        at = self._closed(self._starts)
        for character in self._fold(path):
            at = self._after(at, character)
        return bool(at & self._ends)

    def touches(self, path: str) -> bool:
        """The path, a folder above it, or what replaces a folder in which a match would be."""
        at = self._closed(self._starts)
        for character in self._fold(path):
            if character == "/" and at & self._ends:
                return True
            at = self._after(at, character)
        return bool(at & self._ends or self._after(at, "/") & self._literal)

    def _add(self, pattern: str) -> None:
        whole = pattern.strip("/")
        parts = _PARTS.findall(whole if "/" in pattern.rstrip("/") else f"**/{whole}")
        self._starts |= 1 << self._size
        literal = True
        for before, part in zip(["", *parts], parts, strict=False):
            if part == before and part.startswith("*"):
                continue  # once more says nothing new
            bit = 1 << self._size
            if part == "**/":
                self._skip_one |= bit | bit << 1
                self._skip_three |= bit
                self._stays |= bit << 1
                self._reads["/"] = self._reads.get("/", 0) | bit << 2
                self._size += 2
            elif part in ("*", "**"):
                self._skip_one |= bit
                self._stays |= bit if part == "**" else 0
                self._stays_within |= bit if part == "*" else 0
            elif part == "?":
                self._within |= bit
            else:
                self._reads[part] = self._reads.get(part, 0) | bit
            self._size += 1
            literal = literal and len(part) == 1 and part not in "*?"
            if literal and part == "/":
                self._literal |= 1 << self._size
        self._ends |= 1 << self._size
        self._size += 1

    def _after(self, at: int, character: str) -> int:
        moves, stays = self._reads.get(character, 0), self._stays
        if character != "/":
            moves, stays = moves | self._within, stays | self._stays_within
        return self._closed((at & moves) << 1 | (at & stays))

    def _closed(self, at: int) -> int:
        """With the positions that are reached without a character."""
        while True:
            more = at | (at & self._skip_one) << 1 | (at & self._skip_three) << 3
            if more == at:
                return at
            at = more


@lru_cache(maxsize=256)
def path_patterns(patterns: tuple[str, ...], *, folded: bool = False) -> PathPatterns:
    return PathPatterns(patterns, folded=folded)


def fold(path: str) -> str:
    """One spelling for all that some file system takes for the same path."""
    plain = normal_form(path).replace("\\", "/").casefold()
    seen = "".join(character for character in plain if unicodedata.category(character) != "Cf")
    return "/".join(part.rstrip(" .") or part for part in seen.split("/"))


def _pattern(value: str) -> str:
    parts = value.split("/")
    if not value.strip("/") or "\0" in value:
        raise ValueError("a pattern names files: report/**, *.png, or docs/")
    if value.startswith("/") or "." in parts or ".." in parts or "" in parts[:-1]:
        raise ValueError("a pattern begins at the top of the repository, without `/`, `./` or `..`: docs/*.md")
    if value.startswith("!") or "\\" in value or _CHOICE.search(value):
        raise ValueError("a pattern has no `!`, no `\\` and no {a,b}: name each in an item of its own")
    return value


PathPattern = Annotated[str, Field(max_length=LONGEST), AfterValidator(_pattern)]
