"""What happens while no server listens is found by the one that is started: with the product's own times."""

from __future__ import annotations

from pathlib import Path

from factory_core.dispatch.records import State

from .counting import CLEAR, DONE_CLEAR, counted
from .sandbox_thread import world
from .server_process import Home, Server, config_of, running, until


def test_checks_that_turn_green_while_nobody_listens_are_merged_after_the_start(tmp_path: Path) -> None:
    """GitHub sends each webhook once, and the review's own look is half an hour away."""
    with world() as here:
        config = config_of(here)
        del config["runner"]
        home = Home(tmp_path, config)
        home.give_tokens(here)
        server, elsewhere = Server(home), Server(home)
        with running(server):
            server.subscribe(here)
            with here.gate(lambda vendor, what: (vendor, what) == ("github", "pulls.create"), acted=False) as gate:
                key = here.ticket("Cart total is named wrongly", CLEAR)
                assert gate.reached.wait(60)
                server.kill()
        with running(elsewhere):  # it opens the pull request, and no webhook comes to it
            home.in_state(key, State.IN_REVIEW)
            until(lambda: _is_green(here.state()))
            elsewhere.kill()
        with running(server):
            home.rests(key)
            assert counted(here, home, key) == DONE_CLEAR


def _is_green(state: dict[str, object]) -> bool:
    pulls = state["github"]["repositories"]["acme/shop"]["pulls"]  # type: ignore[index]
    return bool(pulls) and all(check["conclusion"] == "success" for pull in pulls for check in pull["checks"])
