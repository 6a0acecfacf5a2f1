"""The stage: the sandbox on one loopback port, a factory that talks to it on another, webhooks between them."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

from adapters.credentials.secrets import Secrets
from adapters.local.server import Site
from adapters.local.wiring import LocalTenant, open_store
from adapters.registry import config_model
from adapters.web.loopback import served
from factory_core.config import FactoryConfig
from factory_sandbox.app import serving
from factory_sandbox.signing import Vendor
from factory_sandbox.world import Sandbox

TIME_SCALE = 0.01  # the vendors' delays in the demo: a minute is 0.6 s


class Stage(NamedTuple):
    sandbox: Sandbox
    tenant: LocalTenant
    url: str  # of the status page


def demo_config(sandbox_url: str) -> FactoryConfig:
    """One repository, by the project Shop; merging on green; the console engine."""
    return config_model().model_validate(
        {
            "tenant": "demo",
            "environment": "demo",
            "intentProvider": "linear",
            "clarificationChannel": "slack",
            "outputTarget": "github",
            "repositories": {"acme/shop": {}},
            "clarification": {"people": {"Ada": "U0ADA"}},
            "routing": {"byProject": {"Shop": "acme/shop"}},
            "agents": {"engine": "console"},
            "merge": {"policy": "on-green", "requiredChecks": ["ci"]},
            "linear": {"url": f"{sandbox_url}/linear"},
            "slack": {"url": f"{sandbox_url}/slack", "channel": "C0SANDBOX"},
            "github": {"url": f"{sandbox_url}/github", "gitUrl": f"{sandbox_url}/git"},
        }
    )


@contextlib.asynccontextmanager
async def stage(port: int, version: str) -> AsyncIterator[Stage]:
    """Everything up while the block runs; nothing is left behind. `port` 0, or a taken one, means any free one."""
    sandbox = await Sandbox.demo(time_scale=TIME_SCALE)
    async with contextlib.AsyncExitStack() as stack:
        home = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="factory-demo-", ignore_cleanup_errors=True))
        )
        config = demo_config(await stack.enter_async_context(serving(sandbox)))
        file, presence = open_store(config, home)
        stack.callback(file.close)
        stack.callback(presence.close)
        given = {name: secrets.token_hex(16) for name in (*_HOOKS.values(), *_TOKENS)}
        tenant = LocalTenant(config, Secrets(given), file, presence, home, os.environ)
        app = Site({config.tenant: tenant}, version).app()
        listening = stack.enter_context(_listening(port))
        url = await stack.enter_async_context(served(app, listening, lifespan="on"))
        for vendor, name in _HOOKS.items():
            sandbox.webhooks.subscribe(vendor, f"{url}/hooks/{config.tenant}/{vendor}", given[name])
        yield Stage(sandbox, tenant, url)


_HOOKS: dict[Vendor, str] = {
    "linear": "LINEAR_WEBHOOK_SECRET",
    "slack": "SLACK_SIGNING_SECRET",
    "github": "GITHUB_WEBHOOK_SECRET",
}
_TOKENS = ("LINEAR_API_KEY", "SLACK_BOT_TOKEN", "GITHUB_TOKEN")


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError:
        return socket.create_server(("127.0.0.1", 0))
