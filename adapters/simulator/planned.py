"""Where a ticket's plan leads when nobody disturbs it, told by the promises to people alone."""

from __future__ import annotations

from factory_core.config import FactoryConfig
from factory_core.dispatch.records import State

from .schedule import FINAL, RunPlan, Ticket

End = tuple[State, str]
"""The state, and the reason of a block."""

FAILING: frozenset[RunPlan] = frozenset({"fails", "dies", "never-starts"})
STOPPED: dict[RunPlan, str] = {"no-change": "no-change", "capped": "budget-run", "late": "stopped"}


def planned_end(plan: Ticket, config: FactoryConfig) -> End:
    """Questions until it is clear, then agents until their work is merged or a person is needed."""
    if plan.kind in ("unroutable", "ineligible"):
        return State.BLOCKED, plan.kind
    left = _Left(plan, config)
    end = left.ask(enough=False) if plan.kind == "vague" else None
    while end is None:
        end = left.run()
    return end


class _Left:
    """What of the plan has not happened yet. Each step gives the end, or nothing while it goes on."""

    def __init__(self, plan: Ticket, config: FactoryConfig) -> None:
        self._rules, self._most_questions = config.agents, config.clarification.max_rounds
        self._answers, self._asked = list(plan.answers), 0
        self._runs, self._tries, self._rounds = list(plan.runs), 0, 0
        reviewed = config.merge.policy != "on-green"  # a green head does not wait for a reviewer
        self._faults = ["conflict"] * plan.clashes + ["ci-failed"] * plan.red
        self._faults += ["review-failed"] * (plan.requested if reviewed else 0)
        self._ignored = plan.ignored and reviewed
        self._refused = plan.refused in FINAL and config.merge.policy != "never"  # people may merge it all the same

    def ask(self, *, enough: bool) -> End | None:
        """One question after the other until somebody says something useful; `enough`: until anybody answers."""
        while self._asked < self._most_questions:
            self._asked += 1
            if not self._answers:
                return State.FAILED, ""
            answer = self._answers.pop(0)
            if enough or answer.useful or answer.twice:
                return None
        return State.BLOCKED, "still-unclear"

    def run(self) -> End | None:
        """The next agent, and what its end leads to."""
        run: RunPlan = self._runs.pop(0) if self._runs else "succeeds"
        if run in STOPPED:
            return State.BLOCKED, STOPPED[run]
        if run in FAILING:
            self._tries += 1
            return (State.BLOCKED, "attempts-exhausted") if self._tries == self._rules.max_attempts else None
        if run == "limited":
            return None
        self._tries = 0
        return self.ask(enough=True) if run == "asks" else self._judged()

    def _judged(self) -> End | None:
        """Its pull request: merged, or the next round."""
        if self._ignored and not {"conflict", "ci-failed"} & set(self._faults):
            return State.BLOCKED, "review-unanswered"
        if not self._faults:
            return (State.BLOCKED, "merge-refused") if self._refused else (State.DONE, "")
        reason = self._faults.pop(0)
        self._rounds += 1
        return (State.BLOCKED, reason) if self._rounds > self._rules.max_rounds else None
