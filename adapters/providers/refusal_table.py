"""What a vendor's refusal means is looked up in that vendor's one table: the first row that fits decides.

A refusal is what was read of a response, and nothing of it is looked at anywhere else. No I/O here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from factory_core.dispatch.refusal import Refusal, RefusalKind
from factory_core.errors import ConnectionLost, Problem
from factory_core.payload import rows, text
from factory_core.performing.rate_limits import RateLimit

from .http_call import later, limited, never

Kind = RefusalKind | Literal["limit", "passing", "lost", "permission", "under-way", "unneeded"]
"""The core's kinds, and what only an adapter has to know:

limit: of what the credential may ask, so nothing that the limit covers is asked until it ends. passing: a fault of the
vendor's, so the same call may succeed after a pause. lost: the credential ended.
permission: the credential is accepted and may not do this. under-way: what was asked for is in progress, or was
done before. unneeded: auto-merge has nothing to wait for, so the pull request can be merged at once.
"""

UNDER_WAY = 1800.0  # seconds: what is in progress ends with an event, and this is for one that got lost
_QUOTED = re.compile(r"[\"“`][^\"”`]*[\"”`]")
_IN_CORE: dict[Kind, RefusalKind] = {
    "limit": "later", "passing": "later", "lost": "later", "permission": "never", "under-way": "later",
    "unneeded": "later",
}  # fmt: skip


class Row(NamedTuple):
    """One refusal of a vendor. An empty condition fits every response; a row with several needs all of them.

    `fix` may name what the call was about: `{repository}`, `{base}` … An empty `why` quotes the vendor.
    """

    name: str
    kind: Kind
    statuses: tuple[int, ...] = ()
    codes: tuple[str, ...] = ()
    words: str = ""  # a regular expression; case and line breaks do not matter, and quoted names are not searched
    why: str = ""
    fix: str = ""
    after: float | None = None  # seconds, where the response names no pause


class Read(NamedTuple):
    """What was read of a refusal. `status` is None where only its words are known."""

    words: str
    status: int | None = None
    codes: frozenset[str] = frozenset()
    after: float | None = None
    about: Mapping[str, str] = {}


class Known(NamedTuple):
    """A refusal and its row."""

    vendor: str
    row: Row
    read: Read

    @property
    def why(self) -> str:
        return self._filled(self.row.why) or self.read.words or "it gave no reason"

    @property
    def fix(self) -> str:
        return self._filled(self.row.fix)

    @property
    def after(self) -> float | None:
        return self.row.after if self.read.after is None else self.read.after

    def problem(self, what: str) -> Problem:
        """For the runner: repeat it later, wait for a credential, or give up with the fix."""
        if self.row.kind == "lost":
            return ConnectionLost(self.vendor.casefold(), self.why)
        if self.row.kind in ("limit", "passing", "later"):
            return later(self.vendor, self.why, after=self.after, limited=self.row.kind != "passing")
        return never(self.vendor, what, self.why, self.fix)

    def limit(self, scope: str = "") -> RateLimit | None:
        """The rate limit that was met, where this is one and it is known how long it lasts."""
        return limited(self.after, scope) if self.row.kind == "limit" else None

    def refusal(self) -> Refusal:
        """For the core, which decides what to do about it."""
        kind: Any = _IN_CORE.get(self.row.kind, self.row.kind)
        return Refusal(kind=kind, why=self.read.words or self.why, fix=self.fix, after=self.after)

    def _filled(self, template: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda match: self.read.about.get(match[1]) or match[1], template)


class Table:
    """A vendor's rows, the first of which that fits decides; the last ones fit everything."""

    def __init__(self, vendor: str, rows: Sequence[Row]) -> None:
        self.vendor, self.rows = vendor, tuple(rows)
        self._words = {row.name: re.compile(row.words, re.IGNORECASE) for row in rows if row.words}

    def look_up(self, read: Read) -> Known:
        row = next(row for row in self.rows if self._fits(row, read))
        found = self._words[row.name].search(read.words) if row.name in self._words else None
        named = {name: value for name, value in (found.groupdict() if found else {}).items() if value}
        return Known(self.vendor, row, read._replace(about={**read.about, **named}))

    def _fits(self, row: Row, read: Read) -> bool:
        if row.statuses and read.status not in row.statuses and (read.status is not None or not row.words):
            return False
        if row.codes and not read.codes & set(row.codes):
            return False
        words = self._words.get(row.name)
        return words is None or words.search(_QUOTED.sub("…", read.words)) is not None


def joined(parts: Iterable[str]) -> str:
    """The parts that say something, in one line."""
    return " ".join(": ".join(filter(None, parts)).split())[:300]


def graphql_errors(document: object) -> list[tuple[str, tuple[str, ...]]]:
    """Of each error its message, and every code that GraphQL servers put beside it."""
    where = (("type",), ("code",), ("extensions", "code"), ("extensions", "type"))
    return [
        (text(error, "message"), tuple(filter(None, (text(error, *path) for path in where))))
        for error in rows(document, "errors")
    ]
