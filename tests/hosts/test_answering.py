"""What the server answers to a webhook does not wait for any vendor."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import NoReturn

import httpx2

from adapters.assembly import utc_now
from adapters.credentials.secrets import Secrets
from adapters.local.server import Site
from adapters.local.wiring import LocalTenant, open_store
from adapters.registry import config_model
from factory_core.dispatch.records import State
from factory_sandbox.registry import SIGN
from factory_sandbox.signing import Attempt
from tests.providers.linear.test_linear_webhook import changed
from tests.scenarios.server_process import HOOKS, TOKENS

SECRET = "one-secret-for-all"


def test_a_webhook_is_answered_while_every_vendor_hangs(tmp_path: Path) -> None:
    """Saved and answered before anybody is asked; the next one, too, while the first one's question hangs."""
    config = config_model()(
        tenant="acme", intent_provider="linear", clarification_channel="slack", output_target="github"
    )

    async def story() -> None:
        file, presence = open_store(config, tmp_path)
        secrets = Secrets(dict.fromkeys((*HOOKS.values(), *TOKENS.values()), SECRET))
        tenant = LocalTenant(config, secrets, file, presence, tmp_path, {})
        asked, hanging = list[str](), asyncio.Event()

        async def hangs(request: httpx2.Request, **_: object) -> NoReturn:
            asked.append(request.url.host)
            hanging.set()
            await asyncio.Event().wait()
            raise AssertionError

        tenant.http.send = hangs  # type: ignore[method-assign]
        transport = httpx2.ASGITransport(app=Site({"acme": tenant}, "1").app())
        async with httpx2.AsyncClient(transport=transport, base_url="http://factory.test") as sender:
            for n in (1, 2):
                raw, headers = ready(f"GENT-{n}")
                answer = await sender.post("/hooks/acme/linear", content=raw, headers=headers)
                assert (answer.status_code, len(asked)) == (200, n - 1)
                record = await tenant.store.get_in_flight(f"GENT-{n}")
                assert record and (record.state, len(record.outbox)) == (State.TRIAGING, 1)
                await hanging.wait()
                hanging.clear()
        assert asked == ["api.linear.app"] * 2
        await tenant.background.close(patience=0)
        await tenant.http.aclose()
        file.close()
        presence.close()

    async def limited() -> None:
        async with asyncio.timeout(20):  # of a server that waits; one that does not needs none of it
            await story()

    asyncio.run(limited())


def ready(key: str) -> tuple[bytes, dict[str, str]]:
    """Linear's word that a ticket is ready, signed just now."""
    now = utc_now()
    body = json.loads(changed("Issue.update.state-changed", "data", "identifier", to=key))
    body["data"]["id"] = f"issue-{key}"
    raw = json.dumps({**body, "webhookTimestamp": round(now.timestamp() * 1000)}).encode()
    return raw, SIGN["linear"](SECRET, Attempt(key, "Issue", raw, now))
