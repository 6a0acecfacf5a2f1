"""The stage: the sandbox on one loopback port, a factory that talks to it on another, webhooks between them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import uvicorn

from adapters.local.credentials import Secrets
from adapters.local.server import Site
from adapters.local.wiring import LocalTenant, open_store
from adapters.sandbox.app import serving
from adapters.sandbox.world import Sandbox
from factory_core.config import FactoryConfig

TIME_SCALE = 0.01  # the vendors' delays in the demo: a minute is 0.6 s


class Stage(NamedTuple):
    sandbox: Sandbox
    tenant: LocalTenant
    url: str  # of the status page


class _Server(uvicorn.Server):
    """Signals belong to the command line."""

    @contextlib.contextmanager
    def capture_signals(self) -> contextlib._GeneratorContextManager[None] | object:  # type: ignore[override]
        yield


def demo_config(sandbox_url: str) -> FactoryConfig:
    """One repository, by the project Shop; merging on green; the console engine."""
    return FactoryConfig.model_validate(
        {
            "tenant": "demo",
            "environment": "demo",
            "intentProvider": "linear",
            "clarificationChannel": "slack",
            "outputTarget": "github",
            "repositories": {"acme/shop": {}},
            "routing": {"byProject": {"Shop": "acme/shop"}},
            "agents": {"engine": "console"},
            "merge": {"policy": "on-green"},
            "linear": {"url": f"{sandbox_url}/linear"},
            "slack": {"url": f"{sandbox_url}/slack", "channel": "C0SANDBOX"},
            "github": {"url": f"{sandbox_url}/github", "gitUrl": f"{sandbox_url}/git"},
        }
    )


@contextlib.asynccontextmanager
async def stage(port: int, version: str) -> AsyncIterator[Stage]:
    """Everything up while the block runs; nothing is left behind. `port` 0, or a taken one, means any free one."""
    sandbox = await Sandbox.demo(time_scale=TIME_SCALE)
    with tempfile.TemporaryDirectory(prefix="factory-demo-", ignore_cleanup_errors=True) as home:
        try:
            async with serving(sandbox) as sandbox_url:
                config = demo_config(sandbox_url)
                given = {name: secrets.token_hex(16) for name in _SECRETS}
                file, presence = open_store(config, Path(home))
                try:
                    tenant = LocalTenant(config, Secrets(given), file, presence, Path(home), os.environ)
                    async with _served(Site({config.tenant: tenant}, version), port) as url:
                        for vendor, name in (("linear", _SECRETS[0]), ("slack", _SECRETS[1]), ("github", _SECRETS[2])):
                            sandbox.webhooks.subscribe(vendor, f"{url}/hooks/{config.tenant}/{vendor}", given[name])
                        yield Stage(sandbox, tenant, url)
                finally:
                    presence.close()
                    file.close()
        finally:
            await sandbox.close()


_SECRETS = (
    "LINEAR_WEBHOOK_SECRET",
    "SLACK_SIGNING_SECRET",
    "GITHUB_WEBHOOK_SECRET",
    "LINEAR_API_KEY",
    "SLACK_BOT_TOKEN",
    "GITHUB_TOKEN",
)


@contextlib.asynccontextmanager
async def _served(site: Site, port: int) -> AsyncIterator[str]:
    with _listening(port) as listening:
        server = _Server(uvicorn.Config(site.app(), lifespan="on", log_config=None, timeout_graceful_shutdown=1))
        running = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            while not server.started and not running.done():
                await asyncio.sleep(0.01)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError:
        return socket.create_server(("127.0.0.1", 0))
