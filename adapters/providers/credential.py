"""Today's token of a vendor, and whether the vendor accepts it.

accepted ──the vendor refuses it──▶ refused: calls fail at once, and no vendor is asked
    ▲                                  │ another token is there (looked for every LOOK at most)
    └──────────────────────────────────┘ or one call that was let through as a probe went well
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from factory_core.errors import ConnectionLost, Problem, Retryable
from factory_core.ports import Clock

logger = logging.getLogger("factory.connections")
LOOK = timedelta(seconds=3)
SOONEST, LATEST = timedelta(seconds=10), timedelta(seconds=60)  # between two probes, the longer the longer it lasts
MOST_TRIES = 5  # of one call, each with another token
NO_TOKEN = "there is no token"  # noqa: S105
_SENDABLE = re.compile(r"[!-~]+")  # in a header

T = TypeVar("T")


async def _nowhere() -> None:
    """The tokens are kept where nothing changes while this process lives."""


def _now() -> datetime:
    return datetime.now(UTC)


class Credential:
    """Of one vendor, for all that speak to it in this process.

    `tokens` gives those that may be used, the first one first; `renew` reads them again where they are kept. `confirm`
    is asked once about a token that came later, and raises ConnectionLost if it is of no use here, however good it is.
    A token is never part of a message.
    """

    def __init__(
        self,
        provider: str,
        tokens: Callable[[], Sequence[str]],
        *,
        renew: Callable[[], Awaitable[None]] = _nowhere,
        clock: Clock = _now,
    ) -> None:
        self.provider = provider
        self._tokens, self._renew, self._clock = tokens, renew, clock
        self.confirm: Callable[[str], Awaitable[None]] | None = None
        self._confirmed = set[str]()
        self._refused: dict[str, str] = {}  # token → why
        self._changes = 0  # of what is refused: what a call says that began before the last one is old
        self._looked_at: datetime | None = None
        self._refused_at = self._probed_at = datetime.min.replace(tzinfo=UTC)

    @property
    def in_doubt(self) -> bool:
        """Was every token refused the last time?"""
        return not self._fresh(())

    async def authorized(self, call: Callable[[str], Awaitable[T]]) -> T:
        """What `call` gives with a token that the vendor accepts. Raises ConnectionLost when there is none.

        A refused call has done nothing, so it is made again with the next token. Which other problem it meets says that
        the vendor knew the token, except one that may pass: that says nothing.
        """
        tried, probe, why = list[str](), False, NO_TOKEN
        for _ in range(MOST_TRIES):
            token = self._fresh(tried) or await self._renewed(tried)
            if not token and (probe := probe or self._may_probe()):
                token = next((known for known in self._sendable() if known not in tried), "")
            if not token:
                break
            before = self._changes
            try:
                await self._confirm_new(token)
                result = await call(token)
            except ConnectionLost as lost:
                why = lost.why
                if self._note_refusal(token, why, before):
                    tried.append(token)
            except Problem as problem:
                if not isinstance(problem, Retryable):
                    self._note_success(token, before)
                raise
            else:
                self._note_success(token, before)
                return result
        raise ConnectionLost(self.provider, self._why(why))

    async def _confirm_new(self, token: str) -> None:
        if self.confirm and token not in self._confirmed:
            await self.confirm(token)
        self._confirmed.add(token)

    def _sendable(self) -> list[str]:
        return [token for token in self._tokens() if _SENDABLE.fullmatch(token)]

    def _fresh(self, tried: Sequence[str]) -> str:
        """The first token that is not known to be refused."""
        return next((token for token in self._sendable() if token not in self._refused and token not in tried), "")

    async def _renewed(self, tried: Sequence[str]) -> str:
        """The same, after a look where they are kept, if the last one was long enough ago."""
        now = self._clock()
        if self._looked_at is not None and abs(now - self._looked_at) < LOOK:
            return ""
        self._looked_at = now
        await self._renew()
        self._refused = {token: why for token, why in self._refused.items() if token in self._tokens()}
        return self._fresh(tried)

    def _may_probe(self) -> bool:
        now = self._clock()
        pause = min(max(abs(now - self._refused_at) / 4, SOONEST), LATEST)
        if abs(now - self._probed_at) < pause:
            return False
        self._probed_at = now
        return True

    def _why(self, last: str) -> str:
        tokens = self._tokens()
        if tokens and not self._sendable():
            return "the token holds characters that no token has"
        return next((self._refused[token] for token in tokens if token in self._refused), last)

    def _note_refusal(self, token: str, why: str, before: int) -> bool:
        """False when something has changed since the call began: what it says is old."""
        if token in self._refused:
            return True
        if self._changes != before:
            return False
        self._refused[token] = why
        self._changes += 1
        self._refused_at = self._probed_at = self._clock()
        if (known := len(self._tokens())) > 1:
            said = {"action": "token_refused", "provider": self.provider}
            logger.warning("%s: one of its %s tokens is refused: %s", self.provider, known, why, extra=said)
        return True

    def _note_success(self, token: str, before: int) -> None:
        """Unless it was refused since the call began."""
        if token in self._refused and self._changes == before:
            del self._refused[token]
            self._changes += 1


Token = str | Callable[[], str] | Credential
"""A fixed one, one that is asked for with each call, or one that is watched."""


async def authorized(provider: str, token: Token, call: Callable[[str], Awaitable[T]]) -> T:
    """Make the call with today's token. Raises ConnectionLost when there is none, or the vendor refuses it."""
    if isinstance(token, Credential):
        return await token.authorized(call)
    given = token if isinstance(token, str) else token()
    if not given:
        raise ConnectionLost(provider, NO_TOKEN)
    return await call(given)
