"""Health tells when a vendor last answered well, and that it says no with a 200 is no good answer."""

from __future__ import annotations

import re
from pathlib import Path

from factory_core.dispatch.records import State
from tests.scenarios.counting import VAGUE
from tests.scenarios.sandbox_thread import world
from tests.scenarios.server_process import factory, until


def test_a_vendor_that_refuses_every_call_has_never_answered_well(tmp_path: Path) -> None:
    """Slack takes the token back: health says so, the question waits, and only Linear has a last success."""
    with world() as w, factory(w, tmp_path) as (home, server):
        w.call(w.sandbox.set_token, "slack", "another-token-than-ours")
        key = w.ticket("The cart is confusing", VAGUE)
        until(lambda: "slack" in home.batch().lost)
        record = home.in_state(key, State.WAITING)
        assert (record.block, [planned.lost for planned in record.outbox]) == (None, ["slack"])
        health = server.get("/healthz").json()[home.tenant]
        assert re.search("slack is not authorised since .*(invalid_auth|not_authed)", health["degraded"][0])
        seen = health["last_success_at"]
        assert (seen["slack"], bool(seen["linear"])) == (None, True)
