"""One commit a webhook, none for a repeated one, and at most one for each effect that was delivered."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple, TypeVar

import httpx2

from adapters.credentials.secrets import Secrets
from adapters.local.server import Site
from adapters.local.wiring import LocalTenant, open_store
from adapters.stores.sqlite.sqlite_file import SqliteFile
from adapters.web.loopback import served
from factory_core.config import Sweep
from factory_core.dispatch.batch import CatchUp
from factory_core.dispatch.records import InFlightRecord, State
from factory_sandbox.app import serving
from factory_sandbox.demo.stage import demo_config
from factory_sandbox.world import Sandbox
from tests.scenarios.counting import ANSWER, CLEAR, VAGUE
from tests.scenarios.server_process import HOOKS, TOKENS

T = TypeVar("T")


class Post(httpx2.AsyncBaseTransport):
    """Between the sandbox and the factory: notes how many commits each webhook cost, one webhook at a time."""

    def __init__(self) -> None:
        self.costs: list[tuple[str, int]] = []
        self.letters: list[httpx2.Request] = []
        self.file: SqliteFile | None = None
        self.stopped = False
        self._turn = asyncio.Lock()
        self._http = httpx2.AsyncClient(trust_env=False, timeout=120)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await request.aread()
        self.letters.append(request)
        return await self.bring(request)

    async def bring(self, letter: httpx2.Request) -> httpx2.Response:
        async with self._turn:
            assert self.file is not None
            before = self.file.commits
            answer = await self._http.post(letter.url, content=letter.content, headers=dict(letter.headers))
            self.costs.append((str(letter.url).rpartition("/")[2], self.file.commits - before))
            return httpx2.Response(answer.status_code)

    async def aclose(self) -> None:
        await self._http.aclose()


class Host(NamedTuple):
    sandbox: Sandbox
    tenant: LocalTenant
    file: SqliteFile
    post: Post


@contextlib.asynccontextmanager
async def host() -> AsyncIterator[Host]:
    """The server and the sandbox in this process, so that the file's commits can be counted."""
    post = Post()
    sandbox = await Sandbox.demo(time_scale=0.01, transport=post)
    async with contextlib.AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        described = demo_config(await stack.enter_async_context(serving(sandbox)))
        config = described.model_copy(update={"sweep": Sweep(every=timedelta(0), looks_per_minute=600)})
        post.file, presence = open_store(config, home)
        stack.callback(post.file.close)
        stack.callback(presence.close)
        given = {name: secrets.token_hex(16) for name in (*HOOKS.values(), *TOKENS.values())}
        tenant = LocalTenant(config, Secrets(given), post.file, presence, home, os.environ)
        app = Site({config.tenant: tenant}, "1").app()
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        url = await stack.enter_async_context(served(app, listening, lifespan="on"))
        for vendor, name in HOOKS.items():
            sandbox.webhooks.subscribe(vendor, f"{url}/hooks/{config.tenant}/{vendor}", given[name])

        async def caught_up() -> CatchUp | None:
            state = (await tenant.store.get_batch()).catch_up
            return state if state and not state.laps else None

        await until(caught_up)  # the looks that follow a start; from now on nothing but webhooks brings events
        yield Host(sandbox, tenant, post.file, post)


async def until(look: Callable[[], Awaitable[T | None]], patience: float = 120) -> T:
    async with asyncio.timeout(patience):
        while not (found := await look()):  # noqa: ASYNC110 - the store has no event for it
            await asyncio.sleep(0.01)
        return found


def test_a_webhook_costs_one_commit_and_a_repeated_one_none() -> None:
    """Counted while the tracker answers nobody: what is written is the webhook's own."""

    async def counted() -> tuple[list[int], list[int]]:
        async with host() as stage:
            stage.sandbox.faults.add("linear", "hang", "issue", times=5, seconds=4)
            for n in range(5):
                stage.sandbox.linear.create_issue(
                    title=f"Part {n}", description=CLEAR, project="Shop", state="Ready for Agent"
                )
            await stage.sandbox.webhooks.idle()
            first = [cost for _, cost in stage.post.costs]
            for letter in [*stage.post.letters, *reversed(stage.post.letters)]:
                assert (await stage.post.bring(letter)).status_code == 200
            return first, [cost for _, cost in stage.post.costs[5:]]

    first, again = asyncio.run(counted())
    assert (first, again) == ([1] * 5, [0] * 10)


def test_a_whole_life_costs_at_most_a_commit_for_each_webhook_and_each_effect() -> None:
    """The vague scenario: events from outside, the run's end, and the effects; nothing is written twice."""

    async def counted() -> tuple[int, int, int]:
        async with host() as stage:
            before = stage.file.commits
            made = stage.sandbox.linear.create_issue(
                title="The cart is confusing", description=VAGUE, project="Shop", state="Ready for Agent"
            )

            async def asked() -> InFlightRecord | None:
                record = await stage.tenant.store.get_in_flight(made["key"])
                return record if record and record.clarification and record.clarification.thread_id else None

            async def rests() -> InFlightRecord | None:
                record = await stage.tenant.store.get_in_flight(made["key"])
                return record if record and record.state is State.DONE and not record.outbox else None

            known = (await until(asked)).clarification
            assert known is not None
            channel, _, ts = known.thread_id.partition(":")
            stage.sandbox.slack.reply(channel=channel, text=ANSWER, thread_ts=ts)
            record = await until(rests)
            await stage.sandbox.webhooks.idle()
            return stage.file.commits - before, len(stage.post.letters), record.planned

    commits, webhooks, effects = asyncio.run(counted())
    run_ends = 1
    assert effects >= 15
    assert commits <= webhooks + effects + run_ends
