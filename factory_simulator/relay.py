"""A relay that remembers in order what it told, and keeps what it could not deliver."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from factory_core.dispatch.events import Event, ReplyReceived
from factory_core.ports import Change, Pointer, Redelivered

PAGE = 20


class SimulatedRelay:
    """ports.PointerReader, ports.ChangeFeed and ports.Redelivery. `again` delivers by number once more."""

    def __init__(self, again: Callable[[int], None]) -> None:
        self._again = again
        self._feed: list[tuple[int, Event]] = []
        self._dropped: list[int] = []  # nobody but the feed knows of them
        self._letters: list[int] = []

    def told(self, number: int, event: Event) -> None:
        self._feed.append((number, event))

    def drop(self, number: int, *, letter: bool) -> None:
        (self._letters if letter else self._dropped).append(number)

    async def changes(self, cursor: str, now: datetime) -> tuple[Change, ...]:
        """Who begins with the newest never reads what was dropped before: those become dead letters."""
        if cursor:
            return tuple(self._change(n) for n in range(int(cursor), min(int(cursor) + PAGE, len(self._feed))))
        self._letters += self._dropped
        self._dropped = []
        return (Change(cursor=str(len(self._feed))),)

    async def read(self, pointer: Pointer) -> tuple[Event, ...]:
        return (self._feed[int(pointer.path)][1],)

    async def redeliver_failed(self, since: datetime, cursor: str, calls: int) -> Redelivered:
        asked, self._letters = self._letters[:calls], self._letters[calls:]
        for number in asked:
            self._again(number)
        return Redelivered(len(asked), str(asked[-1]) if self._letters else "")

    def _change(self, n: int) -> Change:
        """A reply is only pointed at."""
        event = self._feed[n][1]
        if isinstance(event, ReplyReceived):
            return Change(cursor=str(n + 1), pointers=(Pointer(path=str(n), event_id=event.id, at=event.at),))
        return Change(cursor=str(n + 1), events=(event,))
