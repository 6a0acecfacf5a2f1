"""One draw, played: every run under the real supervisor, its work published as the factory does, every law checked."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from adapters.fleets.local_engines import fleet as fleets
from adapters.fleets.local_engines.fleet import LocalFleet
from adapters.fleets.local_engines.wall_probe import NoWallHere, Policy, wall_for
from factory_core.errors import Problem
from factory_core.runs.run import RunOrder, RunReport, RunStatus

from .draw import NEEDS_WALL, Act, HostileDraw, HostileRun
from .laws import Broken, ended_once, keeps_commits, nothing_lives, pushed_rightly, unchanged
from .stage import QUIET, Stage

ENDS_WITHIN = 60.0  # seconds, on a machine that is busy with others
GOOD = HostileRun(acts=(Act(kind="commit_all", number=7),))


def policy() -> Policy:
    """With the wall, where one can be had: what it keeps from happening is not played without it."""
    try:
        wall_for("required", {"PATH": QUIET["PATH"], "HOME": "/nonexistent"}, (), False)
    except NoWallHere:
        return "off"
    return "required"


class HostilePlay:
    """`story` says what happened, for people."""

    def __init__(self, drawn: HostileDraw, place: Path, wall: Policy) -> None:
        self.drawn, self.stage = drawn, Stage(place, wall)
        self.story: list[str] = []
        self._reports: list[RunReport] = []
        self._fleet = self._new_fleet()
        items = [f"ITEM-{n + 1}" for n in range(len(drawn.items))]
        self._tokens = {item: f"token-of-{item}-{drawn.seed}" for item in (*items, "NEXT-1")}
        self._over: dict[str, RunReport] = {}  # runs that have ended
        self._last: dict[str, tuple[RunOrder, RunReport]] = {}  # of each item
        self._count = Counter[str]()  # runs of each item
        self._people: dict[str, list[str]] = {item: [] for item in self._tokens}  # what they pushed to its branch
        self._head = self.stage.heads()["refs/heads/main"]

    async def play(self) -> None:
        """Raises Broken."""
        before = self.stage.surroundings()
        items = list(zip(self._tokens, self.drawn.items, strict=False))
        try:
            if self.drawn.together:
                await asyncio.gather(*(self._item(item, hostile.runs) for item, hostile in items))
            else:
                for item, hostile in items:
                    await self._item(item, hostile.runs)
            unchanged("around the fleet", before, self.stage.surroundings())
            if self.drawn.another:
                await self._next()
            for ended in self._over.values():
                ended_once(ended, self._reports, killed=True)
            unchanged("around the fleet", before, self.stage.surroundings())
        finally:
            await self._fleet.close()

    async def _item(self, item: str, runs: tuple[HostileRun, ...]) -> None:
        last, report = self._last.get(item, (None, None))
        for n, run in enumerate(runs, self._count[item]):
            if self.drawn.moves and n:
                self._head = self.stage.move_base(f"base {item} {n}")
            self._person_pushes(item, "between")
            if self.drawn.restarts and n:
                await self._fleet.close()
                self._fleet = self._new_fleet()
                await self._fleet.adopt()
            last, report = await self._run(item, f"{item}:{n + 1}", run, last, report)
            self._last[item] = last, report
        self._count[item] += len(runs)

    async def _next(self) -> None:
        """An engine that does nothing wrong: on the first item, where one attempt may find the damage; on another."""
        for _ in range(2):
            await self._item("ITEM-1", (GOOD,))
            report = self._last["ITEM-1"][1]
            if not report.why.startswith("git:"):
                break
        else:
            raise Broken("the-next-one-works", f"ITEM-1 fails again and again: {report.why}")
        await self._item("NEXT-1", (GOOD,))
        report = self._last["NEXT-1"][1]
        if report.status is not RunStatus.SUCCEEDED or "refs/heads/factory/NEXT-1-work" not in self.stage.heads():
            raise Broken("the-next-one-works", f"NEXT-1 is {report.status}: {report.why}")

    async def _run(
        self, item: str, run_id: str, run: HostileRun, last: RunOrder | None, report: RunReport | None
    ) -> tuple[RunOrder, RunReport]:
        stage, alone = self.stage, not self.drawn.together
        session = report.session if report and not run.fresh else ""
        order = stage.order(
            item, run_id, self._task(item, run_id, run), self.drawn.engine,
            previous_run=last.run_id if last else "", resume=session,
        )  # fmt: skip
        others = [other for other in self._tokens if other != item]
        trees = {other: stage.tree_state(other) for other in others} if alone else {}
        kept = {known: stage.run_state(known) for known in self._over}
        mirror = stage.mirror_state()
        base = self._head
        ended = await self._ended(order, run)
        self.story.append(f"{run_id} {_words(run)}: {ended.status} {ended.why[:160]}")
        ended_once(ended, self._reports, killed=bool(run.kill_after))
        await asyncio.to_thread(nothing_lives, stage, run_id)
        for other, tree in trees.items():
            unchanged(f"the clone of {other}", tree, stage.tree_state(other))
        for known, files in kept.items():
            unchanged(f"the run {known}", files, stage.run_state(known))
        if alone and mirror:
            own = ("refs/remotes/origin/", "refs/runs/", "refs/published/")
            unchanged("the mirror", mirror, stage.mirror_state(), *own)
        if ended.status is RunStatus.SUCCEEDED:
            await self._publish(item, run_id, base)
        keeps_commits(stage, item, self._people[item])
        self._over[run_id] = ended
        return order, ended

    async def _ended(self, order: RunOrder, run: HostileRun) -> RunReport:
        try:
            await self._fleet.start(order)
            if run.stop_after:
                await asyncio.sleep(run.stop_after)
                await self._fleet.stop(order.run_id)
            if run.kill_after:
                await asyncio.sleep(run.kill_after)
                _kill_supervisor(self.stage.home / "runs", order.run_id)
        except Problem as problem:
            raise Broken("the-fleet-survives", f"{order.run_id}: {problem.what}: {problem.why}") from None
        end = time.monotonic() + ENDS_WITHIN
        while not (found := [report for report in self._reports if report.run_id == order.run_id]):
            if time.monotonic() > end:
                raise Broken("one-end-with-a-reason", f"{order.run_id} has not ended after {ENDS_WITHIN:.0f} s")
            await asyncio.sleep(0.05)
        return found[0]

    async def _publish(self, item: str, run_id: str, base: str) -> None:
        """As the factory does when a run ended well; what is refused is said, and no fault."""
        self._person_pushes(item, "meanwhile")
        before = self.stage.heads()
        try:
            sha = await self._fleet.publish(run_id)
        except Problem as problem:
            self.story.append(f"{run_id} is not pushed: {problem.why[:160]}")
            return
        together = self.drawn.together
        await asyncio.to_thread(
            lambda: pushed_rightly(self.stage, item, sha, before, base, self._tokens, together=together)
        )

    def _person_pushes(self, item: str, when: str) -> None:
        if self.drawn.person == when and (mine := self.stage.push_to(item)):
            self._people[item].append(mine)

    def _task(self, item: str, run_id: str, run: HostileRun) -> str:
        left_out = NEEDS_WALL if self.stage.wall == "off" else frozenset()
        task = {
            "token": self._tokens[item], "mark": self.stage.mark, "session": f"session-{item}",
            "acts": [(act.kind, act.number) for act in run.acts if act.kind not in left_out],
            "ending": run.ending, "places": self.stage.places(),
        }  # fmt: skip
        return f"The task of {run_id}.\nHOSTILE {json.dumps(task)}\n"

    def _new_fleet(self) -> LocalFleet:
        async def finished(report: RunReport) -> None:
            self._reports.append(report)

        return self.stage.fleet(finished)


async def play_in(drawn: HostileDraw, wall: Policy) -> tuple[Broken | None, list[str]]:
    """What is broken, if anything, and the story."""
    with tempfile.TemporaryDirectory(prefix="hostile-", ignore_cleanup_errors=True) as folder:
        one = HostilePlay(drawn, Path(folder) / f"d{drawn.seed}", wall)
        try:
            await one.play()
            return None, one.story
        except Broken as broken:
            return broken, one.story
        finally:
            await asyncio.to_thread(one.stage.remove)


@contextmanager
def started_by(start: Callable[..., None] | None) -> Iterator[None]:
    """Supervisors are started so while the block runs; None: as the product does."""
    if start is None:
        yield
        return
    with patch.object(fleets, "spawn", start):
        yield


def _kill_supervisor(runs: Path, run_id: str) -> None:
    """SIGKILL to who holds the run's directory: by its log, which is its standard error."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            log = str((entry / "fd/2").readlink())
        except OSError:
            continue
        if log.startswith(str(runs)) and log.endswith("supervisor.log") and f"/{run_id.replace(':', '-')}" in log:
            os.kill(int(entry.name), signal.SIGKILL)


def _words(run: HostileRun) -> str:
    acts = " ".join(f"{act.kind}({act.number})" for act in run.acts)
    how = f", stopped after {run.stop_after} s" if run.stop_after else ""
    how += f", killed after {run.kill_after} s" if run.kill_after else ""
    return f"[{acts}] then {run.ending}{how}"
