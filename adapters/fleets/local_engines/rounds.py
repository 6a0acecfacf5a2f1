"""The rounds of one run: the agent works, its tree is examined and checked, and what is wrong goes back to it."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from datetime import UTC, datetime

from factory_core.runs.run import RunOrder, RunStatus
from factory_core.runs.run_checks import FixRounds, NextRound, next_round

from .answers import paths_found
from .commands import SetUp, Shell, run_checks, set_up, unpublished
from .enclosure import command_of
from .engine import Ending, Engine
from .engine_process import call_engine
from .errand import Errand
from .examination import Examined, examine, left_behind
from .faults import GIT, cause_of
from .git import GitFailed
from .git_directory import remove_tree
from .proposal import keep
from .protected_changes import held_changes
from .run_files import RunFiles
from .wall import Reach
from .watchdog import Watchdog
from .workspace import Start, Workspace, distrust, ignore, prepare

log = logging.getLogger(__name__)


@dataclass
class Rounds:
    """`reach` is what the engine touches behind the wall; `said` collects its last words of each round."""

    run: RunFiles
    order: RunOrder
    errand: Errand
    engine: Engine
    watchdog: Watchdog
    space: Workspace
    shell: Shell
    reach: Reach
    said: list[str]

    def play(self) -> Ending:
        """From the work tree to what is kept of it. Raises Ended, GitFailed and OSError."""
        start = prepare(self.space)
        if self.errand.credential >= 0:
            os.close(self.errand.credential)
        ignore(self.space, self.errand.enclosure.placeholders)
        if self.order.answer_schema:
            return self._answer()
        known = set_up(self.shell, self.order)
        if isinstance(known, Ending):
            return known
        try:
            return self._rounds(start, known)
        except GitFailed as error:
            if cause_of(GIT, str(error)) is None:  # else the machine's failure: the work is kept
                distrust(self.space)
            raise

    def _answer(self) -> Ending:
        """The engine reads, and its last words are the answer; the tree is of no use after that."""
        try:
            ending = self._call(self.order, "")
            if ending.status not in (RunStatus.SUCCEEDED, RunStatus.ASKED):
                return ending
            self.watchdog.note_found(paths_found(self.watchdog.seen.words, self.space.tree))
            return ending._replace(status=RunStatus.NO_CHANGE)
        finally:
            remove_tree(self.space.tree)

    def _rounds(self, start: Start, known: SetUp) -> Ending:
        order, words, done = self.order, "", 0
        rules = FixRounds(most=order.fix_rounds if order.task else 0, exhausted=order.exhausted)
        while True:
            ending = self._agent(order, words) if self.order.task else Ending(RunStatus.SUCCEEDED)
            self.said.append(self.watchdog.seen.words)
            if ending.status is not RunStatus.SUCCEEDED:
                return ending
            examined = examine(self.space, start)
            absent = unpublished(examined.proposal.left, known) if examined.proposal else []
            if examined.differs and not examined.findings and order.checks:
                self.watchdog.note_checks(run_checks(self.shell, order, done, absent), done)
                examined = examine(self.space, start)  # what a check changed is examined and published, too
            else:
                self.watchdog.note_checks((), done)
            texts = [finding.text for finding in examined.findings]
            follows = next_round(rules, done, texts, self.watchdog.report.checks)
            if follows.step in ("publish", "publish-flagged"):
                return self._publish(examined, ending, start)
            if follows.step == "give-up":
                return Ending(RunStatus.REJECTED, follows.text)
            if used_up := self._used_up():
                why = next_round(rules.model_copy(update={"most": done}), done, texts, self.watchdog.report.checks).text
                return Ending(RunStatus.CAPPED, f"{used_up}. {why}")
            done += 1
            order, words = self._again(follows, done), _with_absent(follows.text, absent)

    def _agent(self, order: RunOrder, words: str) -> Ending:
        """One round of the agent, in a fresh session where the one that it goes on with is gone."""
        ending = self._call(order, words)
        if not (ending.session_gone and order.resume):
            return ending
        log.info("the session %s is gone: a fresh one is begun", order.resume)
        self.watchdog.forget_session()
        return self._call(order.model_copy(update={"resume": ""}), words)

    def _call(self, order: RunOrder, words: str) -> Ending:
        task = words if words and order.resume else "\n\n".join(filter(None, (self.order.task, words)))
        argv = self.errand.command or command_of(self.engine, order, self.errand.memory, self.errand.sandbox)
        command = self.errand.enclosure.wall.command(argv, self.reach, self.space.tree)
        environment = {**self.errand.environment, **self.reach.environment}
        grace = self.errand.grace.total_seconds()
        called = call_engine(self.run, self.watchdog, command, task, self.space.tree, environment, grace)
        return self.engine.verdict(self.watchdog.finish(), called.exit_code, called.errors, datetime.now(UTC))

    def _again(self, follows: NextRound, done: int) -> RunOrder:
        """The order of the next round: what is left of the caps, in the session or in a fresh one of another name."""
        usage = self.watchdog.seen.usage
        left = {"max_turns": self.order.max_turns - usage.turns, "max_usd": self.order.max_usd - usage.usd}
        session = self.watchdog.seen.session
        if follows.step == "same-session" and session:
            return self.order.model_copy(update={**left, "resume": session})
        self.watchdog.forget_session()
        return self.order.model_copy(update={**left, "resume": "", "run_id": f"{self.order.run_id}.{done}"})

    def _used_up(self) -> str:
        """Which cap of the run leaves nothing for another round."""
        usage, order = self.watchdog.seen.usage, self.order
        if usage.turns >= order.max_turns:
            return f"it took {usage.turns} turns of {order.max_turns}"
        return f"it spent {usage.usd} USD of {order.max_usd}" if usage.usd >= order.max_usd else ""

    def _publish(self, examined: Examined, ending: Ending, start: Start) -> Ending:
        if examined.proposal is None:
            raise GitFailed("nothing can be published of the work tree")
        why = "; ".join(filter(None, (ending.why, left_behind(examined.proposal))))
        if not examined.differs:
            return Ending(RunStatus.NO_CHANGE, why or ("" if self.order.task else "the work to be pushed is gone"))
        keep(self.space, examined.proposal)
        if held := held_changes(self.space, start):
            self.watchdog.note_held(held)
            return Ending(RunStatus.HELD, "it changes protected files")
        return ending._replace(why=why)


def _with_absent(text: str, absent: list[str]) -> str:
    if not absent:
        return text
    named = ", ".join(f"`{name}`" for name in absent[:20])
    return f"{text}\n\nYou did not `git add` these files, so they are not published and were not there: {named}."
