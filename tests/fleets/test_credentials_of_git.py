"""git signs in with today's token, and a code host that refuses it is a lost connection: never a run's failure."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fleet_stand import code_host, fleet, git, order, until
from git_over_http import GitServer, serving
from test_worker_queue import Factory, Machine

from adapters.fleets.local_engines.code_host import CodeHost
from adapters.providers.credential import Credential
from factory_core.errors import ConnectionLost
from factory_core.runs.queued_run import RunState
from factory_core.runs.run import RunStatus

BRANCH = "factory/ACME-142-rename"


class Token:
    """The one token that is kept on this machine; what a person puts there counts when it is read again."""

    def __init__(self, value: str) -> None:
        self.there = self.read = value
        self.credential = Credential("github", lambda: (self.read,) if self.read else (), renew=self._renew)

    async def _renew(self) -> None:
        self.read = self.there

    def at(self, server: GitServer) -> CodeHost:
        return CodeHost(server.url, self.credential)


def accepts(server: GitServer, password: str) -> None:
    """From now on the code host lets in who knows this one."""
    with serving(server.root, password) as other:
        server.expected = other.expected


def test_a_push_with_a_dead_token_waits_and_goes_out_with_the_next_one(tmp_path: Path) -> None:
    """No Terminal, no word of the token; the branch is pushed once the new token is where the old one was."""
    bare = code_host(tmp_path / "host")

    async def play(server: GitServer) -> None:
        token = Token("old")
        made, reports = fleet(tmp_path / "home", credentials=token.at(server))
        await made.start(order(bare, clone_url=f"{server.url}/acme-web.git"))
        await until(lambda: reports)
        assert reports[0].status is RunStatus.SUCCEEDED, reports[0].why
        accepts(server, "new")
        with pytest.raises(ConnectionLost) as caught:
            await made.publish("ACME-142:1")
        assert (caught.value.provider, caught.value.fix) == ("github", "factory connect github")
        assert "old" not in str(caught.value.document())
        asked = len(server.statuses)
        with pytest.raises(ConnectionLost):
            await made.publish("ACME-142:1")
        assert len(server.statuses) == asked, "the code host was asked with a token that it had just refused"
        token.there = "new"
        await asyncio.sleep(3)  # it is looked for again after a few seconds
        assert await made.publish("ACME-142:1") == git(bare, "rev-parse", BRANCH)
        await made.close()

    with serving(tmp_path / "host", "old") as server:
        asyncio.run(play(server))


@pytest.mark.parametrize("dead", ["old", ""], ids=["refused", "missing"])
def test_a_run_whose_fetch_is_not_let_in_says_so_and_none_begins_until_it_is(tmp_path: Path, dead: str) -> None:
    """The first one finds it out; the next start asks first, and begins when the token is good."""
    bare = code_host(tmp_path / "host")

    async def play(server: GitServer) -> None:
        token = Token(dead or "old")
        made, reports = fleet(tmp_path / "home", credentials=token.at(server))
        one = order(bare, clone_url=f"{server.url}/acme-web.git", resume="session-1")
        if dead:
            await made.start(one)
            await until(lambda: reports)
            assert (reports[0].status, reports[0].lost) == (RunStatus.FAILED, "github")
            assert reports[0].session == "session-1"  # the next one goes on in it
        token.there, token.read = (dead, dead) if not dead else (token.there, token.read)
        for _ in range(2):
            with pytest.raises(ConnectionLost):
                await made.start(order(bare, run_id="ACME-142:2", clone_url=one.clone_url))
        assert await made.look("ACME-142:2") is None
        token.there = "new"
        await asyncio.sleep(3)
        await made.start(order(bare, run_id="ACME-142:2", clone_url=one.clone_url))
        await until(lambda: reports and reports[-1].run_id == "ACME-142:2")
        assert reports[-1].status is RunStatus.SUCCEEDED, reports[-1].why
        await made.close()

    with serving(tmp_path / "host", "new") as server:
        asyncio.run(play(server))


def test_another_host_gets_no_credential_and_its_refusal_is_final(tmp_path: Path) -> None:
    """Nobody could connect a vendor for that: the configuration names a repository that we may not read."""
    bare = code_host(tmp_path / "host")

    async def play(server: GitServer) -> None:
        host = CodeHost("https://github.example", Token("secret").credential)
        made, reports = fleet(tmp_path / "home", credentials=host)
        await made.start(order(bare, clone_url=f"{server.url}/acme-web.git"))
        await until(lambda: reports)
        assert (reports[0].status, reports[0].lost) == (RunStatus.FAILED, "")
        await made.close()

    with serving(tmp_path / "host", "secret") as server:
        asyncio.run(play(server))


class Signing(Machine):
    """A worker's machine with a token of its own."""

    def __init__(self, factory: Factory, home: Path, host: CodeHost, name: str = "anna", **how: Any) -> None:
        super().__init__(factory, home, name, **how)
        self._host = host

    async def __aenter__(self) -> Signing:
        await super().__aenter__()
        self.fleet._code_host = self._host
        return self


def test_a_worker_whose_token_is_dead_keeps_its_finished_run_and_takes_no_other(tmp_path: Path) -> None:
    """It says so with each heartbeat, others are left to other workers, and the push goes out with the next token."""
    bare = code_host(tmp_path / "host")

    async def play(server: GitServer) -> None:
        factory, token = Factory(), Token("old")
        url, server.takes_pushes = f"{server.url}/acme-web.git", False
        async with Signing(factory, tmp_path / "anna", token.at(server)):
            await factory.fleet.start(order(bare, run_id="R-1", clone_url=url))
            await until(lambda: '"lost":"github"' in factory.queue._runs["R-1"], within=300)
            second = {"work_item_id": "ACME-2", "branch": "factory/ACME-2"}
            await factory.fleet.start(order(bare, run_id="R-2", clone_url=url, **second))
            await asyncio.sleep(1.5)
            assert ((await factory.run("R-2")).state, factory.ends) == (RunState.WAITING, [])
            accepts(server, "new")
            token.there, server.takes_pushes = "new", True
            await until(lambda: len(factory.ends) == 2, within=300)
        assert {(end.run_id, end.status) for end in factory.ends} == {
            ("R-1", RunStatus.SUCCEEDED), ("R-2", RunStatus.SUCCEEDED),
        }  # fmt: skip

    with serving(tmp_path / "host", "old") as server:
        asyncio.run(play(server))


def test_a_machine_that_was_started_for_one_run_does_not_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its environment never changes: it leaves with the reason, and the next one gets what is kept by then."""
    bare = code_host(tmp_path / "host")
    monkeypatch.setattr("adapters.fleets.worker_queue.worker.ONE_RUN_WAITS", 1.0)

    async def play(server: GitServer) -> None:
        factory, token = Factory(), Token("old")
        await factory.fleet.start(order(bare, run_id="R-1", clone_url=f"{server.url}/acme-web.git"))
        machine = Signing(factory, tmp_path / "anna", token.at(server), once=True, only="R-1")
        async with machine:
            machine.fleet._refused = True  # as the run before it found out
            await machine.over()
        (end,) = factory.ends
        assert (end.status, end.lost) == (RunStatus.FAILED, "github")

    with serving(tmp_path / "host", "new") as server:
        asyncio.run(play(server))
