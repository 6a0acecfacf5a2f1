"""Wrong tokens of one address are slowed down; a good one is let in, and nobody else waits."""

from __future__ import annotations

import asyncio

import pytest

from adapters.local.guesses import ADDRESSES, FORGOTTEN_AFTER, FREE, PAUSE, WAITING, Guesses, TooManyGuesses

pytestmark = pytest.mark.pure


class Time:
    """Sleeping is what makes it pass."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


def wrong() -> bool:
    return False


def good() -> bool:
    return True


def test_each_guess_beyond_the_first_waits_for_its_turn() -> None:
    async def play() -> None:
        time = Time()
        guesses = Guesses(time, time.sleep)
        for _ in range(FREE):
            assert not await guesses.check("203.0.113.7", wrong)
        assert time.now == 0
        for _ in range(20):
            assert not await guesses.check("203.0.113.7", wrong)
        assert time.now == pytest.approx(20 * PAUSE)
        assert await guesses.check("203.0.113.7", good), "slowed, and not locked out"
        assert time.now == pytest.approx(21 * PAUSE)
        assert await guesses.check("203.0.113.8", good)
        assert time.now == pytest.approx(21 * PAUSE), "nobody else waits"

    asyncio.run(play())


def test_guesses_at_once_are_not_looked_at() -> None:
    """Else as many as there are connections would be tried each second."""

    async def play() -> None:
        time, looked = Time(), 0
        guesses = Guesses(time, time.sleep)

        def count() -> bool:
            nonlocal looked
            looked += 1
            return False

        await asyncio.gather(*(guesses.check("203.0.113.7", count) for _ in range(FREE)))
        found = await asyncio.gather(*(guesses.check("203.0.113.7", count) for _ in range(50)), return_exceptions=True)
        refused = [one for one in found if isinstance(one, TooManyGuesses)]
        assert (looked, len(refused)) == (FREE + WAITING, 50 - WAITING)
        assert refused[0].http_status == 429 and refused[0].after == PAUSE
        assert time.now == pytest.approx(WAITING * PAUSE)

    asyncio.run(play())


def test_one_owner_of_many_addresses_is_one() -> None:
    async def play() -> None:
        time = Time()
        guesses = Guesses(time, time.sleep)
        for number in range(FREE + 1):
            await guesses.check(f"2001:db8::{number:x}", wrong)
        assert time.now == pytest.approx(PAUSE)

    asyncio.run(play())


def test_what_is_remembered_is_bounded_and_forgotten() -> None:
    async def play() -> None:
        time = Time()
        guesses = Guesses(time, time.sleep)
        for number in range(ADDRESSES + 50):
            await guesses.check(f"10.0.{number // 256}.{number % 256}", wrong)
        assert len(guesses._addresses) == ADDRESSES
        for _ in range(FREE):
            await guesses.check("203.0.113.7", wrong)
        time.now += FORGOTTEN_AFTER + 1
        before = time.now
        assert not await guesses.check("203.0.113.7", wrong)
        assert time.now == before

    asyncio.run(play())


def test_who_waits_for_a_turn_does_not_keep_the_server_from_ending() -> None:
    """However many wait: one pause at most, and their tokens are not looked at any more."""

    async def play() -> None:
        time = Time()
        guesses = Guesses(time, time.sleep)
        for _ in range(FREE):
            await guesses.check("203.0.113.7", wrong)
        waiting = [asyncio.create_task(guesses.check("203.0.113.7", good)) for _ in range(WAITING)]
        await asyncio.sleep(0)
        guesses.close()
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(one) for one in ended] == [TooManyGuesses] * WAITING and time.now <= PAUSE

    asyncio.run(play())
