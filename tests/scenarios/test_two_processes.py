"""Two servers on one store share the work and repeat none; two tenants in one server do not see each other."""

from __future__ import annotations

from pathlib import Path

import httpx2

from adapters.stores.sqlite.store_identity import holders_of
from factory_core.dispatch.records import State
from factory_sandbox.registry import SIGN
from factory_sandbox.signing import Attempt

from .counting import ANSWER, CLEAR, DONE_CLEAR, DONE_VAGUE, VAGUE, counted
from .sandbox_thread import PATIENCE, world
from .server_process import Home, Server, config_of, now, running


def test_two_servers_on_one_file_hear_everything_twice(tmp_path: Path) -> None:
    """Each webhook comes to both at once; whoever is first decides, and only one performs. Somebody has cleaned up
    the marks by which they know each other to be alive."""
    with world() as w:
        home = Home(tmp_path, config_of(w, capacity={"agents": 3}))
        home.give_tokens(w)
        with running(Server(home)) as one, running(Server(home)) as other:
            one.subscribe(w)
            other.subscribe(w)
            for mark in holders_of(home.path / "factory.db").iterdir():
                mark.unlink()
            for call in (("slack", "chat.postMessage"), ("github", "pulls.create"), ("linear", "commentCreate")):
                w.fault(call[0], "hang", call[1], times=4, seconds=1)  # the other has time to interfere
            clear = [w.ticket(f"Rename total to amount, part {n}", CLEAR) for n in range(5)]
            vague = [w.ticket(f"The cart is confusing, part {n}", VAGUE) for n in range(2)]
            for key in vague:
                w.reply(home.asked(key), ANSWER)
            rested = home.rests(*clear, *vague)
            assert {record.state for record in rested.values()} == {State.DONE}
            assert [counted(w, home, key) for key in (*clear, *vague)] == [DONE_CLEAR] * 5 + [DONE_VAGUE] * 2
            assert (home.batch().slots, home.batch().queue) == ({}, ())


def test_the_survivor_takes_over(tmp_path: Path) -> None:
    """One of two servers dies in the middle of an effect: the other goes on when the lease runs out."""
    with world() as w:
        home = Home(tmp_path, config_of(w, runner={"lease": "4s", "effectTimeout": "3s"}))
        home.give_tokens(w)
        with running(Server(home)) as one, running(Server(home)) as other:
            one.subscribe(w)
            with w.gate(lambda vendor, operation: operation == "chat.postMessage", acted=True) as gate:
                key = w.ticket("The cart is confusing", VAGUE)
                assert gate.reached.wait(PATIENCE)
                one.kill()
                other.subscribe(w)
                w.reply(home.asked(key), ANSWER)
            assert home.rests(key)[key].state is State.DONE
            assert counted(w, home, key) == DONE_VAGUE
            one.start()


def test_two_tenants_in_one_process_know_nothing_of_each_other(tmp_path: Path) -> None:
    """The same keys, one file, one process: each has its own vendors, secrets, records, slots and work trees."""
    with world() as first, world() as second:
        acme = Home(tmp_path, config_of(first), prefix="ACME_")
        more = config_of(second, tenant="globex", capacity={"agents": 1}, server={"titles": "hidden"})
        globex = Home(tmp_path / "globex", {**more, "store": {"path": "../factory.db"}}, prefix="GLOBEX_")
        globex.store = acme.store
        acme.give_tokens(first)
        globex.give_tokens(second)
        with running(Server(acme, globex)) as server:
            server.subscribe(first, acme)
            server.subscribe(second, globex)
            ours = first.ticket("Rename total to amount", CLEAR)
            theirs = second.ticket("A secret of the other tenant", CLEAR)
            vague = second.ticket("The cart is confusing", VAGUE)
            assert ours == theirs == "DEMO-1"
            second.reply(globex.asked(vague), ANSWER)
            assert acme.rests(ours)[ours].state is State.DONE
            assert {record.state for record in globex.rests(theirs, vague).values()} == {State.DONE}
            assert counted(first, acme, ours) == counted(second, globex, theirs) == DONE_CLEAR
            assert counted(second, globex, vague) == DONE_VAGUE
            assert set(acme.records()) == {ours}

            page, data = server.get("/").text, server.get("/status.json").json()
            assert "A secret" not in page and vague not in page
            assert [item["key"] for item in data["finished"]] == [ours] and data["tenant"] == "acme"
            assert server.get(f"/items/{vague}").status_code == 404
            body = b'{"type": "Issue"}'
            headers = SIGN["linear"](acme.secret("linear"), Attempt("x", "Issue", body, now()))
            answer = httpx2.post(server.hook("linear", globex), content=body, headers=headers, timeout=PATIENCE)
            assert answer.status_code == 401
