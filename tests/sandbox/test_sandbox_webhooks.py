"""The sandbox's sender: signatures that verify, the vendors' retries, and what is made to go wrong with them."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from factory_sandbox.signing import Vendor
from factory_sandbox.webhooks import glob_fits
from factory_sandbox.world import Sandbox
from tests.sandbox.stand import HOOK, SECRET, START, JumpingTime, Receiver, sandbox_and_client


def _hex(content: bytes) -> str:
    return hmac.new(SECRET.encode(), content, hashlib.sha256).hexdigest()


def verify_linear(request: httpx2.Request) -> bool:
    return request.headers["linear-signature"] == _hex(request.content)


def verify_slack(request: httpx2.Request) -> bool:
    head = f"v0:{request.headers['x-slack-request-timestamp']}:".encode()
    return request.headers["x-slack-signature"] == "v0=" + _hex(head + request.content)


def verify_github(request: httpx2.Request) -> bool:
    return request.headers["x-hub-signature-256"] == "sha256=" + _hex(request.content)


def verify_relayfile(request: httpx2.Request) -> bool:
    head = f"{request.headers['x-relay-timestamp']}.".encode()
    return request.headers["x-relay-signature"] == _hex(head + request.content)


CASES: list[tuple[Vendor, Callable[[httpx2.Request], bool], str, list[float]]] = [
    ("linear", verify_linear, "linear-delivery", [60, 3600, 21600]),
    ("slack", verify_slack, "x-slack-retry-num", [60, 300]),
    ("github", verify_github, "x-github-delivery", []),
    ("relayfile", verify_relayfile, "x-relay-event-id", [1, 5]),
]


async def _happen(sandbox: Sandbox, vendor: Vendor) -> None:
    """One event of the vendor's."""
    sandbox.webhooks.announce(vendor, "anything", {"text": "é"}, id="delivery-1", path="/linear/issues/x.json")
    await sandbox.webhooks.idle()


@pytest.mark.parametrize(("vendor", "verify", "header", "pauses"), CASES)
def test_every_attempt_is_signed_and_the_schedule_is_the_vendors(
    vendor: Vendor, verify: Callable[[httpx2.Request], bool], header: str, pauses: Sequence[float]
) -> None:
    """A receiver that never answers well sees each attempt at its time, all of them verified, and then no more."""

    async def run() -> None:
        receiver, time = Receiver(*[500] * 9), JumpingTime()
        async with sandbox_and_client(receiver, time) as (sandbox, _):
            sandbox.webhooks.subscribe(vendor, HOOK + vendor, SECRET)
            await _happen(sandbox, vendor)
            assert all(verify(request) for request in receiver.got)
            assert time.slept == pauses
            delivery = sandbox.state()["deliveries"][0]
            assert [tried["status"] for tried in delivery["attempts"]] == [500] * len(receiver.got)
            assert (delivery["accepted"], delivery["id"]) == (False, "delivery-1")
            ids = {request.headers.get(header) for request in receiver.got}
            assert ids == ({None, "1", "2", "3"} if vendor == "slack" else {"delivery-1"})

    asyncio.run(run())


def test_the_schedule_is_scaled_and_ends_with_the_first_good_answer() -> None:
    """A minute at the scale of 0.01 is 0.6 seconds; Slack says why it comes again."""

    async def run() -> None:
        receiver, time = Receiver(0, 503, 204), JumpingTime()
        sandbox = Sandbox(time.clock(), receiver.transport())
        object.__setattr__(sandbox.clock, "scale", 0.01)
        try:
            sandbox.webhooks.subscribe("slack", HOOK + "slack", SECRET)
            await _happen(sandbox, "slack")
            assert time.slept == [0.6]
            reasons = [request.headers.get("x-slack-retry-reason") for request in receiver.got]
            assert reasons == [None, "http_timeout", "http_error"]
            assert sandbox.webhooks.deliveries[0].accepted
        finally:
            await sandbox.close()

    asyncio.run(run())


def test_linear_stamps_each_attempt_anew() -> None:
    """The time in the signed body is the time of sending, also six hours later."""

    async def run() -> None:
        receiver = Receiver(500, 500, 500)
        async with sandbox_and_client(receiver) as (sandbox, _):
            sandbox.webhooks.subscribe("linear", HOOK + "linear", SECRET)
            await _happen(sandbox, "linear")
            stamps = [json.loads(request.content)["webhookTimestamp"] for request in receiver.got]
            assert [int(request.headers["linear-timestamp"]) for request in receiver.got] == stamps
            sent = [datetime.fromtimestamp(stamp / 1000, UTC) - START for stamp in stamps]
            assert sent == [timedelta(seconds=seconds) for seconds in (0, 60, 3660, 25260)]

    asyncio.run(run())


def test_a_webhook_can_be_lost_doubled_or_late() -> None:
    """Faults are used up one by one; the copies of one delivery have one id."""

    async def run() -> None:
        receiver, time = Receiver(), JumpingTime()
        async with sandbox_and_client(receiver, time) as (sandbox, _):
            sandbox.webhooks.subscribe("linear", HOOK + "linear", SECRET)
            sandbox.faults.add("linear", "drop")
            sandbox.faults.add("linear", "duplicate", copies=3)
            sandbox.faults.add("linear", "delay", seconds=7)
            seen = []
            for _ in range(4):
                await _happen(sandbox, "linear")
                seen.append((len(receiver.got), list(time.slept)))
            assert seen == [(0, []), (3, []), (4, [7]), (5, [7])]
            assert {request.headers["linear-delivery"] for request in receiver.got} == {"delivery-1"}
            assert [delivery.dropped for delivery in sandbox.webhooks.deliveries] == [True, False, False, False]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("glob", "path", "fits"),
    [
        ("/linear/issues/**", "/linear/issues/by-id/DEMO-1.json", True),
        ("/linear/issues/**", "/linear/comments/x.json", False),
        ("/linear/*/x.json", "/linear/comments/x.json", True),
        ("/linear/*", "/linear/comments/x.json", False),
        ("/linear/issues/x.json", "/linear/issues/x.json", True),
    ],
)
def test_globs_are_relayfiles(glob: str, path: str, fits: bool) -> None:
    """One star is one segment, two at the end are any number."""
    assert glob_fits(glob, path) is fits
