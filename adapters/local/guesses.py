"""Slows down wrong tokens of one address, and nobody else's."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from ipaddress import ip_network

from factory_core.errors import Retryable

FREE = 10  # wrong tokens of an address before its next ones wait
PAUSE = 0.5  # seconds before each further one is looked at, one after another
WAITING = 8  # of an address at once
FORGOTTEN_AFTER = 600.0  # seconds
ADDRESSES = 1024  # remembered; the one that was quiet for longest is forgotten first


class TooManyGuesses(Retryable):
    """An address sends wrong tokens faster than they are looked at."""

    code, http_status = "E-GUESSES", 429


class _Address:
    def __init__(self) -> None:
        self.wrong, self.waiting, self.last = 0, 0, 0.0
        self.turn = asyncio.Lock()


class Guesses:
    """`clock`: seconds that only grow. `sleep`: waits so many."""

    def __init__(self, clock: Callable[[], float], sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self._clock, self._sleep = clock, sleep
        self._addresses: OrderedDict[str, _Address] = OrderedDict()
        self._closed = False

    async def check(self, address: str, is_good: Callable[[], bool]) -> bool:
        """Is the token good? Raises TooManyGuesses, and then it was not looked at."""
        known = self._known(address)
        if known is None or known.wrong < FREE:
            return self._noted(address, is_good())
        if known.waiting >= WAITING:
            raise _too_many()
        known.waiting += 1
        try:
            async with known.turn:
                if not self._closed:
                    await self._sleep(PAUSE)
                if self._closed:
                    raise _too_many()
                return self._noted(address, is_good())
        finally:
            known.waiting -= 1

    def close(self) -> None:
        """The server is about to end: who waits is refused at once, or after the pause that has begun."""
        self._closed = True

    def _known(self, address: str) -> _Address | None:
        name = _owner(address)
        found = self._addresses.get(name)
        if found and not found.waiting and self._clock() - found.last > FORGOTTEN_AFTER:
            del self._addresses[name]
            return None
        return found

    def _noted(self, address: str, good: bool) -> bool:
        if not good:
            name = _owner(address)
            known = self._addresses.setdefault(name, _Address())
            self._addresses.move_to_end(name)
            known.wrong, known.last = known.wrong + 1, self._clock()
            if len(self._addresses) > ADDRESSES:
                self._addresses.popitem(last=False)
        return good


def _too_many() -> TooManyGuesses:
    why = "many wrong tokens came from this address, and each further one waits for its turn"
    return TooManyGuesses("too many tokens at once", why=why, fix="factory doctor", after=PAUSE)


def _owner(address: str) -> str:
    """An IPv6 network of 64 bits is one owner's; whatever is no address is nobody's in particular."""
    try:
        return str(ip_network(f"{address}/{64 if ':' in address else 32}", strict=False))
    except ValueError:
        return ""
