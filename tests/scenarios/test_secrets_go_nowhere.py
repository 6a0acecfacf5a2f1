"""An agent that has found a secret of the factory says it, asks about it, and commits it."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from factory_core.dispatch.records import State

from .counting import CLEAR, branches
from .sandbox_thread import world
from .server_process import factory


def test_what_an_agent_knows_of_the_factorys_secrets_is_neither_posted_nor_kept_nor_pushed(tmp_path: Path) -> None:
    """The console engine does what the ticket says, so the ticket's text stands for an agent that has read `.env`."""
    with world() as w, factory(w, tmp_path) as (home, server):
        secret, other = sorted(home.secrets.values())[:2]
        hidden = base64.b64encode(f"x:{other}".encode()).decode()
        asks = w.ticket("Ask", f"{CLEAR}console: ask is {secret} the right value, or {hidden}?")
        writes = w.ticket(f"Write {secret}", f"{CLEAR}console: write notes.txt = {secret}")
        home.asked(asks)
        blocked = home.rests(writes)[writes]
        assert blocked.state is State.BLOCKED and blocked.block and "notes.txt:1;" in blocked.block.why
        assert not [branch for branch in branches(w) if writes in branch or secret[:8] in branch]
        state = w.state()
        said = [
            json.dumps(state["slack"]),
            *(json.dumps(one["comments"]) for one in state["linear"]["issues"].values()),
        ]
        shown = [server.get(path).text for path in ("/", "/status.json", f"/items/{asks}", f"/items/{writes}")]
        kept = [path.read_bytes().decode(errors="replace") for path in (home.store, *home.path.glob("factory.db-*"))]
        for text in (*said, *shown, *kept, server.log.read_text()):
            assert secret not in text and other not in text and hidden not in text
        assert "[hidden] the right value, or " in said[0] and "[hidden]" in shown[0]
