"""The disk budget: what is over goes first, then what can be made anew, never what is alive; then no run starts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from fleet_stand import code_host, fleet, order, until

from adapters.credentials.secrets import Secrets
from adapters.fleets.local_engines.disk import DiskBudget, size_of
from adapters.local.wiring import LocalTenant, open_store
from factory_core.config import Disk
from factory_core.dispatch.records import ENDED, InFlightRecord, State
from factory_core.errors import EngineUnavailable
from factory_core.runs.run import RunStatus
from factory_sandbox.demo.stage import demo_config
from tests.scenarios.server_process import HOOKS, TOKENS

ITEMS = {"OVER": "over", "PUBLISHED": "published", "ASKED": "asked"}


async def left(
    tmp_path: Path,
    budget: int,
    over: Iterable[str],
    unknown: Iterable[str] = (),
    before: Callable[[Path], None] = lambda home: None,
) -> tuple[Path, str]:
    """After three items at rest, and with such a budget: the fleet's home, and why nothing starts (if so)."""
    bare, home = code_host(tmp_path), tmp_path / "home"
    made, reports = fleet(home)
    for count, item in enumerate(ITEMS, 1):
        task = "console: ask which one" if item == "ASKED" else "Write it."
        await made.start(order(bare, run_id=f"{item}:1", work_item_id=item, branch=f"factory/{item}", task=task))
        await until(lambda wanted=count: len(reports) == wanted)
        if item == "PUBLISHED":
            await made.publish(f"{item}:1")
    await until(lambda: not made._followed)  # every end is reported, and what it left is measured
    await made.close()

    before(home)
    small, reports = fleet(home, disk=Disk(budget=budget))
    ended = set(over)

    async def is_over(item: str) -> bool | None:
        return None if item in unknown else item in ended

    small.is_over = is_over
    why = ""
    try:
        await small.start(order(bare, run_id="NEXT:1", work_item_id="NEXT", branch="factory/NEXT"))
        await until(lambda: reports)
    except EngineUnavailable as problem:
        why = f"{problem.what} {problem.why} {problem.fix}"
    await small.close()
    return home, why


def clones(home: Path) -> set[str]:
    return {path.name for path in (home / "trees").iterdir() if path.is_dir()}


def test_within_the_budget_nothing_goes(tmp_path: Path) -> None:
    home, why = asyncio.run(left(tmp_path, 10**9, ["OVER"]))
    assert (clones(home), why) == ({*ITEMS, "NEXT"}, "")


def test_over_the_budget_all_goes_but_what_cannot_be_made_anew(tmp_path: Path) -> None:
    """Outputs and clones of what is over, clones of what is published; then no run starts, and says why. The copy of
    the repository stays with the clone that borrows from it."""
    home, why = asyncio.run(left(tmp_path, 1, ["OVER"]))
    assert clones(home) == {"ASKED"}
    assert not (home / "runs/OVER-1").exists() or not list(home.glob("runs/OVER*/output.jsonl"))
    assert list(home.glob("runs/ASKED*/output.jsonl")) and list(home.glob("runs/PUBLISHED*/output.jsonl"))
    assert len(list(home.glob("runs/*/result.json"))) == 3, "no run may begin a second time"
    assert list(home.glob("repos/*.mirror"))
    assert "There is no room for another run" in why and "0.0 GB used" in why and "raise disk.budget" in why


def test_copies_of_repositories_go_when_no_clone_borrows_from_them(tmp_path: Path) -> None:
    """Of repositories that nobody works on any more, and what was put aside as damaged. The next run fetches anew."""

    def before(home: Path) -> None:
        (home / "repos" / "old-1234.mirror" / "objects").mkdir(parents=True)
        (home / "repos" / "old-1234.damaged").mkdir()

    home, why = asyncio.run(left(tmp_path, 1, ITEMS, before=before))
    assert "There is no room" in why and not clones(home)
    assert not [*home.glob("repos/*.mirror"), *home.glob("repos/*.damaged")]
    again, reports = fleet(home)

    async def next_run() -> None:
        await again.start(order(tmp_path / "acme-web.git", run_id="NEXT:2", work_item_id="NEXT", branch="factory/NEXT"))
        await until(lambda: reports)
        await again.close()

    asyncio.run(next_run())
    assert reports[0].status is RunStatus.SUCCEEDED


def test_what_the_store_does_not_know_is_kept_while_it_is_not_published(tmp_path: Path) -> None:
    """As after a restore of an older store: clones, and outputs; and the reason why nothing starts names them."""
    home, why = asyncio.run(left(tmp_path, 1, [], ["OVER", "PUBLISHED"]))
    assert clones(home) == {"OVER", "ASKED"}
    assert all(list(home.glob(f"runs/{item}*/output.jsonl")) for item in ITEMS)
    assert f"In {home}/trees: look for commits that were never published in OVER, of tickets" in why


def test_only_the_record_says_that_an_item_is_over(tmp_path: Path) -> None:
    """Without one, or with one from before its work began, nobody knows: the store may be an older one."""
    config = demo_config("http://127.0.0.1:1")
    secrets = Secrets(dict.fromkeys((*HOOKS.values(), *TOKENS.values()), "one-secret-for-all"))
    file, presence = open_store(config, tmp_path)

    async def play() -> dict[str, bool | None]:
        tenant = LocalTenant(config, secrets, file, presence, tmp_path, {})
        assert tenant.here
        for state in State:
            await tenant.store.put_in_flight(InFlightRecord(work_item_id=state, state=state))
        known = {state: await tenant.here.is_over(state) for state in (*State, "nobody")}
        await tenant.here.close()
        await tenant.http.aclose()
        return known

    with closing(file), closing(presence):
        expected: dict[str, bool | None] = {state: state in ENDED for state in State}
        assert asyncio.run(play()) == expected | {State.NEW: None, "nobody": None}


def test_a_full_disk_starts_nothing(tmp_path: Path) -> None:
    bare = code_host(tmp_path)

    async def play() -> None:
        made, _ = fleet(tmp_path / "home", disk=Disk(keep_free=10**18))
        with pytest.raises(EngineUnavailable, match="no room") as raised:
            await made.start(order(bare))
        assert "df -h" in raised.value.fix and "of at least 1000000000.0" in raised.value.why
        await made.close()

    asyncio.run(play())


def test_what_a_run_leaves_is_measured_when_it_ends(tmp_path: Path) -> None:
    """And forgetting gives it back; a server that starts measures what nobody has."""
    bare, home = code_host(tmp_path), tmp_path / "home"

    async def play() -> None:
        made, reports = fleet(home)
        await made.start(order(bare))
        await until(lambda: reports)
        await until(lambda: (home / "disk.json").exists())
        parts = [part for kind in ("repos", "trees", "runs", "memory") for part in (home / kind).glob("*")]
        await until(lambda: made._disk.state().used > 0)
        assert (await made.disk()).used <= sum(map(size_of, parts)) + 10**6
        before = (await made.disk()).used
        await made.forget("ACME-142")
        assert (await made.disk()).used < before
        (home / "disk.json").unlink()
        await made.adopt()
        await until(lambda: (home / "disk.json").exists())
        await made.close()

    asyncio.run(play())


def test_runs_that_end_at_once_are_all_measured(tmp_path: Path) -> None:
    """Each in a thread of its own: none fails over another's file, and none writes over what another has measured."""
    budget = DiskBudget(tmp_path, Disk())
    parts = [tmp_path / f"runs/A-{n}" for n in range(8)]
    for size in (10_000, 200_000, 500_000):
        for part in parts:
            part.mkdir(parents=True, exist_ok=True)
            (part / "output.jsonl").write_bytes(b"x" * size)
        with ThreadPoolExecutor(len(parts)) as threads:
            list(threads.map(budget.measured, parts))
        assert budget.state().used == sum(map(size_of, parts))
