"""A token is revoked while `factory serve` runs, and replaced in .env: work goes on, and nothing was restarted."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from factory_core.dispatch.records import State
from tests.scenarios.counting import ANSWER, CLEAR, DONE_CLEAR, DONE_VAGUE, VAGUE, Count, counted
from tests.scenarios.sandbox_thread import World, world
from tests.scenarios.server_process import ROOT, TOKENS, Home, Server, config_of, running, until


@contextmanager
def served(w: World, path: Path) -> Iterator[tuple[Home, Server]]:
    """As in tests.scenarios, with the tokens in .env beside the configuration, where people keep them."""
    home = Home(path, config_of(w))
    home.give_tokens(w)
    tokens = {name: home.secrets.pop(name) for name in TOKENS.values()}
    (path / ".env").write_text("".join(f"{name}={value}\n" for name, value in tokens.items()))
    with running(Server(home)) as server:
        server.subscribe(w)
        yield home, server
    said = server.log.read_text()
    assert not [name for name, value in tokens.items() if value in said]


def factory(home: Home, *arguments: str, typed: str = "") -> str:
    """A command as a person types it, beside the running server."""
    command = [sys.executable, "-m", "factory_cli", *arguments, f"--config={home.config}"]
    given = {"PATH": "/usr/bin:/bin", "HOME": str(home.path), **home.secrets}
    done = subprocess.run(command, cwd=ROOT, env=given, input=typed, capture_output=True, text=True, timeout=120)
    return done.stdout + done.stderr


def revoke(w: World, vendor: str) -> str:
    """The vendor takes only another token from now on; this one."""
    renewed = f"{vendor}-token-that-was-made-later"
    w.call(w.sandbox.set_token, vendor, renewed)
    return renewed


def lines(server: Server, *words: str) -> int:
    return sum(all(word in line for word in words) for line in server.log.read_text().splitlines())


def ended(w: World, home: Home, key: str) -> Count:
    """What people see of it; how many runs that took, and what is said on the way, is told elsewhere."""
    return counted(w, home, key)._replace(runs=1, comments=2)


def lost(home: Home, vendor: str) -> bool:
    return vendor in home.batch().lost


def test_a_revoked_tracker_token_is_said_once_and_heals_when_it_is_typed_in(tmp_path: Path) -> None:
    """Webhooks are stored, the page, healthz and `factory status` say what to type, and that is all that is needed."""
    with world() as w, served(w, tmp_path) as (home, server):
        renewed = revoke(w, "linear")
        keys = [w.ticket("Rename total to amount", CLEAR), w.ticket("The cart is confusing", VAGUE)]
        until(lambda: lost(home, "linear"))
        until(lambda: [one["accepted"] for one in w.state()["deliveries"] if one["event"] == "Issue"] == [True, True])
        assert {record.state for record in home.records().values()} == {State.TRIAGING}

        health = server.get("/healthz")
        seen = health.json()[home.tenant]
        assert (health.status_code, seen["ok"], len(seen["degraded"])) == (200, True, 1)
        verdict = server.get("/status.json").json()["verdict"]
        assert (verdict["level"], verdict["fix"]) == ("needs-auth", ["factory", "connect", "linear"])
        assert "Linear needs a new credential." in server.get("/").text
        shown = factory(home, "status")
        assert "linear\tneeds-auth\t" in shown and "factory connect linear" in shown

        assert "connected" in factory(home, "connect", "linear", "--token", "-", typed=f"{renewed}\n")
        w.reply(home.asked(keys[1]), ANSWER)
        assert {record.state for record in home.rests(*keys).values()} == {State.DONE}
        assert [ended(w, home, key) for key in keys] == [DONE_CLEAR, DONE_VAGUE]
        assert (lines(server, "linear", "not authorised: "), lines(server, "linear", "authorised again")) == (1, 1)
        assert not lost(home, "linear")
        assert server.get("/healthz").json()[home.tenant]["degraded"] == []


def test_a_revoked_token_of_the_code_host_costs_the_agent_no_attempt(tmp_path: Path) -> None:
    """git is not let in: the run that found it out is none of the ticket's, and the next one begins when it is."""
    with world() as w, served(w, tmp_path) as (home, server):
        renewed = revoke(w, "github")
        key = w.ticket("Rename total to amount", CLEAR)
        until(lambda: lost(home, "github"))
        waits = until(lambda: (record := home.record(key)) and any(one.lost for one in record.outbox) and record)
        assert (waits.state, waits.attempt, waits.block) == (State.DISPATCHING, 1, None)
        assert server.get("/status.json").json()["verdict"]["sentence"] == "GitHub needs a new credential."
        assert "connected" in factory(home, "connect", "github", "--token", "-", typed=f"{renewed}\n")
        record = home.rests(key)[key]
        assert (record.state, record.attempt) == (State.DONE, 1)
        assert (ended(w, home, key), len(home.run_directories())) == (DONE_CLEAR, 2)
        assert lines(server, "github", "not authorised: ") == 1


def test_a_token_that_is_good_again_needs_nobody(tmp_path: Path) -> None:
    """The chat suspended the app and took it back: the same token is tried again by itself."""
    with world() as w, served(w, tmp_path) as (home, _):
        (line,) = (one for one in (tmp_path / ".env").read_text().splitlines() if one.startswith("SLACK_BOT_TOKEN="))
        token = line.partition("=")[2]
        revoke(w, "slack")
        key = w.ticket("The cart is confusing", VAGUE)
        until(lambda: lost(home, "slack"))
        asked = w.sandbox.requests["slack", "chat.postMessage"]
        w.call(w.sandbox.set_token, "slack", token)
        thread = until(lambda: home.thread(key), patience=120)
        assert w.sandbox.requests["slack", "chat.postMessage"] - asked <= 3
        w.reply(thread, ANSWER)
        assert home.rests(key)[key].state is State.DONE
        assert ended(w, home, key) == DONE_VAGUE


def test_a_vendor_that_says_itself_that_it_revoked_the_token_is_believed_for_the_page(tmp_path: Path) -> None:
    """No ticket had to find it out; the next one waits, and is asked about as soon as a new token is there."""
    with world() as w, served(w, tmp_path) as (home, server):
        w.call(w.sandbox.end_tokens, "slack", "revoked")
        until(lambda: lost(home, "slack"))
        (said,) = server.get("/healthz").json()[home.tenant]["degraded"]
        assert "Slack says that the token was revoked" in said
        key = w.ticket("The cart is confusing", VAGUE)
        until(lambda: (record := home.record(key)) and [one.lost for one in record.outbox] == ["slack"])
        assert "connected" in factory(home, "connect", "slack", "--token", "-", typed="xoxb-another\n")
        w.reply(home.asked(key), ANSWER)
        assert home.rests(key)[key].state is State.DONE
        assert (ended(w, home, key), lost(home, "slack")) == (DONE_VAGUE, False)
        assert (lines(server, "slack", "not authorised: "), lines(server, "slack", "authorised again")) == (1, 1)
