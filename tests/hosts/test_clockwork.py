"""The loops that keep a server going are watched: one that ends begins again, and one that hangs is seen."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from adapters import clockwork
from adapters.assembly import utc_now
from adapters.clockwork import Clockwork, RoundTooLong
from adapters.credentials.secrets import Secrets
from adapters.local.server import Site
from adapters.local.server_clocks import ServerClocks
from adapters.local.wiring import LocalTenant, open_store
from adapters.registry import config_model
from adapters.stores.record_sql import Statement
from factory_core.errors import StoreUnavailable
from tests.scenarios.server_process import HOOKS, TOKENS

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
CONFIG = config_model()(tenant="acme", intent_provider="linear", clarification_channel="slack", output_target="github")


class Time:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Unusual(BaseException):
    """No Exception: nobody catches it."""


class Unprintable(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clockwork, "FIRST_PAUSE", 0.0)


async def rounds(of: Callable[[], bool]) -> None:
    while not of():  # noqa: ASYNC110 - whatever it asks about sets no event
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("canary"), "ValueError: canary"),
        (RecursionError("deep"), "RecursionError: deep"),
        (asyncio.CancelledError(), "something cancelled it"),
        (BrokenPipeError(32, "Broken pipe"), "BrokenPipeError: [Errno 32] Broken pipe"),
        (Unusual("odd"), "Unusual: odd"),
        (TimeoutError("a vendor's"), "TimeoutError: a vendor's"),
        (SystemExit(3), "StepLeft: SystemExit: 3"),
        (KeyboardInterrupt(), "StepLeft: KeyboardInterrupt: "),
        (Unprintable(), "Unprintable"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_a_loop_that_ends_begins_again_and_the_reason_stays(
    error: BaseException, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        works, met = Clockwork(lambda: NOW, Time()), iter([error, error])
        done = list[int]()

        async def step() -> None:
            if (trouble := next(met, None)) is not None:
                raise trouble
            done.append(1)

        works.start("check-in", step, every=0, within=60)
        await rounds(lambda: len(done) > 1)
        state = works.states()["check-in"]
        assert (state.restarts, state.last_end, state.last_end_at, state.why) == (2, reason, NOW, "")
        await works.close()

    asyncio.run(story())
    ended = [line.getMessage() for line in caplog.records if line.levelno == logging.ERROR]
    assert ended == [f"check-in ended ({reason}), and begins again"] * 2
    assert "check-in works again" in caplog.records[-1].getMessage()


def test_the_pause_before_it_begins_again_grows_to_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clockwork, "FIRST_PAUSE", 0.5)
    pauses = list[float]()

    async def story() -> None:
        works, loop = Clockwork(lambda: NOW, Time()), asyncio.get_running_loop()
        later = loop.call_later
        monkeypatch.setattr(loop, "call_later", lambda pause, *call: pauses.append(pause) or later(0, *call))

        async def step() -> None:
            raise ValueError

        works.start("check-in", step, every=0, within=1e9)
        await rounds(lambda: len([one for one in pauses if one < 1e6]) >= 10)
        await works.close()

    asyncio.run(story())
    assert [one for one in pauses if one < 1e6][:10] == [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_problem_costs_its_round_alone(caplog: pytest.LogCaptureFixture) -> None:
    """The store is away: the loop goes round, and is not late."""

    async def story() -> None:
        time, tried = Time(), list[int]()
        works = Clockwork(lambda: NOW, time)

        async def step() -> None:
            tried.append(1)
            time.seconds += 30
            raise StoreUnavailable("the store", why="it is away", fix="factory check")

        works.start("check-in", step, every=0, within=60)
        await rounds(lambda: len(tried) > 5)
        state = works.states()["check-in"]
        assert (state.is_late, state.restarts, state.why) == (False, 0, "the store")
        await works.close()

    asyncio.run(story())
    assert caplog.records[0].getMessage() == "check-in: the store: it is away"


def test_a_step_that_hangs_is_cancelled_and_begun_again() -> None:
    async def story() -> None:
        works, begun = Clockwork(lambda: NOW), list[int]()

        async def step() -> None:
            begun.append(1)
            if len(begun) == 1:
                await asyncio.Event().wait()

        works.start("check-in", step, every=0, within=0.01)
        await rounds(lambda: len(begun) > 1)
        state = works.states()["check-in"]
        assert (state.restarts, state.last_end.partition(":")[0]) == (1, RoundTooLong.__name__)
        await works.close()

    asyncio.run(story())


def test_a_step_may_name_the_time_of_its_next_round() -> None:
    async def story() -> None:
        time, done = Time(), list[int]()
        works = Clockwork(lambda: NOW, time)

        async def step() -> timedelta:
            done.append(1)
            return timedelta(0) if len(done) < 3 else timedelta(hours=1)

        works.start("claims", step, every=1e9, within=60)
        await rounds(lambda: len(done) == 3 and works.states()["claims"].late_after_s == 3660)
        time.seconds = 3659
        assert works.goes_round
        time.seconds = 3661
        assert not works.goes_round
        await works.close()

    asyncio.run(story())


def test_a_loop_that_its_own_step_stops_ends_with_that_round(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        works, done = Clockwork(lambda: NOW, Time()), list[str]()

        async def step() -> None:
            works.stop("run")
            await asyncio.sleep(0)
            done.append("whole")

        works.start("run", step, every=0, within=60)
        await rounds(lambda: bool(done))
        assert (works.states(), works.goes_round) == ({}, True)
        await rounds(lambda: not works._tasks)
        assert done == ["whole"]

    asyncio.run(story())
    assert caplog.records == []


def test_close_waits_for_no_step_that_goes_on_though_it_was_cancelled(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One that notices once ends with its round; one that never does is named, and left."""
    monkeypatch.setattr(clockwork, "CLOSING", 0.05)

    async def story() -> None:
        works, free, begun = Clockwork(lambda: NOW), asyncio.Event(), list[str]()

        async def notices() -> None:
            begun.append("notices")
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

        async def never() -> None:
            begun.append("never")
            while not free.is_set():
                with suppress(asyncio.CancelledError):
                    await free.wait()

        works.start("notices", notices, every=0, within=60)
        works.start("never", never, every=0, within=60)
        await rounds(lambda: len(begun) == 2)
        await works.close()
        assert {task.get_name() for task in works._tasks} == {"never"}
        free.set()
        await rounds(lambda: not works._tasks)
        assert begun == ["notices", "never"]

    asyncio.run(story())
    assert [line.getMessage() for line in caplog.records] == ["never does not end, and is left behind"]


@asynccontextmanager
async def served(tmp_path: Path) -> AsyncIterator[tuple[LocalTenant, Callable[[], Awaitable[httpx2.Response]]]]:
    """A tenant with a clockwork of its own, and what /healthz says to this machine."""
    file, presence = open_store(CONFIG, tmp_path)
    secrets = Secrets(dict.fromkeys((*HOOKS.values(), *TOKENS.values()), "one-secret-for-all"))
    tenant = LocalTenant(CONFIG, secrets, file, presence, tmp_path, {})
    transport = httpx2.ASGITransport(app=Site({"acme": tenant}, "1").app(), client=("127.0.0.1", 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield tenant, lambda: client.get("/healthz")
    await tenant.clockwork.close()
    await tenant.http.aclose()
    file.close()
    presence.close()


def test_health_is_red_and_names_the_loop_that_is_late(tmp_path: Path) -> None:
    """And green again when it goes round. The status page has a line for it."""

    async def story() -> None:
        async with served(tmp_path) as (tenant, healthz):
            time, hangs = Time(), asyncio.Event()
            tenant.clockwork = Clockwork(utc_now, time)
            tenant.clockwork.start("check-in", hangs.wait, every=0, within=120)
            assert (await healthz()).status_code == 200
            time.seconds = 121
            said = await healthz()
            assert said.status_code == 503 and said.json()["ok"] is False
            assert said.json()["acme"]["problems"] == ["check-in has not been round for 121 s"]
            lines = {line.name: line for line in (await tenant.overview("1")).lines}
            assert lines["loop check-in"].status == "down"
            hangs.set()
            await rounds(lambda: tenant.clockwork.states()["check-in"].last_round_s == 0)
            assert (await healthz()).status_code == 200

    asyncio.run(story())


def test_each_loop_of_a_tenant_is_watched(tmp_path: Path) -> None:
    async def story() -> None:
        async with served(tmp_path) as (tenant, healthz):
            async with tenant:
                loops = (await healthz()).json()["acme"]["loops"]
            assert set(loops) == {"check-in", "sweep", "runs", "clocks"}

    asyncio.run(story())


@pytest.mark.parametrize(
    "body", ["{", json.dumps({"format": 1, "outbox": [{"key": "x", "effect": {"kind": "newer"}}]})]
)
def test_a_record_that_cannot_be_read_is_named_and_degrades_nothing_else(body: str, tmp_path: Path) -> None:
    """As one of a newer release. Everybody else's webhooks are taken: health stays green."""

    async def story() -> None:
        async with served(tmp_path) as (tenant, healthz):
            file = tenant.store._database
            sql = "INSERT INTO in_flight (tenant, work_item_id, version, wake_at, body) VALUES ('acme', 'X-1', 1, 1, ?)"
            await file.write((Statement(sql, (body,)),))
            said = await healthz()
            assert (said.status_code, said.json()["acme"]["problems"]) == (200, [])
            (degraded,) = said.json()["acme"]["degraded"]
            assert degraded.startswith("X-1: ")
            report = await tenant.overview("1")
            assert report.verdict.level != "intake-down"
            assert [line.status for line in report.lines if line.name == "records"] == ["down"]

    asyncio.run(story())


def test_the_clock_is_compared_with_the_vendors() -> None:
    """With most of them: one whose own clock is wrong says nothing of ours; nor does a response that a cache kept."""
    clocks = ServerClocks(lambda: NOW)

    def dated(ahead: int, **more: str) -> dict[str, str]:
        return {"date": (NOW + timedelta(seconds=ahead)).strftime("%a, %d %b %Y %H:%M:%S GMT"), **more}

    assert (clocks.words(), clocks.lines()) == ("", [])
    for vendor, headers in {"slack": dated(600), "linear": dated(2), "github": dated(0)}.items():
        clocks.note(vendor, headers)
    clocks.note("github", {"date": "yesterday"})
    clocks.note("github", {})
    clocks.note("github", dated(-9000, age="9000"))
    assert clocks.words() == ""
    clocks.note("linear", dated(601))
    assert clocks.words() == "this machine's clock is 600 s behind"
    assert [(line.name, line.status, line.note) for line in clocks.lines()] == [("clock", "down", clocks.words())]
