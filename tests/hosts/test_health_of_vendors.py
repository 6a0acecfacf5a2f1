"""Health tells when a vendor last answered well, and that it says no with a 200 is no good answer."""

from __future__ import annotations

import re
from pathlib import Path

from factory_core.dispatch.records import State
from tests.scenarios.counting import VAGUE
from tests.scenarios.sandbox_thread import world
from tests.scenarios.server_process import factory


def test_a_vendor_that_refuses_every_call_has_never_answered_well(tmp_path: Path) -> None:
    """Slack takes the token back: the item says so, and only Linear has a last success."""
    with world() as w, factory(w, tmp_path) as (home, server):
        w.call(w.sandbox.set_token, "slack", "another-token-than-ours")
        key = w.ticket("The cart is confusing", VAGUE)
        record = home.in_state(key, State.BLOCKED)
        assert record.block and re.search("invalid_auth|not_authed", record.block.why)
        seen = server.get("/healthz").json()[home.tenant]["last_success_at"]
        assert (seen["slack"], bool(seen["linear"])) == (None, True)
