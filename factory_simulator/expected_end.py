"""Where a ticket's plan leads when nobody disturbs it, told by the promises to people alone."""

from __future__ import annotations

from collections.abc import Callable

from factory_core.config import FactoryConfig
from factory_core.dispatch.records import State

from .schedule import FINAL, Answer, RunPlan, Ticket

End = tuple[State, str]
"""The state, and the reason of a block."""

FAILING: frozenset[RunPlan] = frozenset({"fails", "dies", "never-starts"})
STOPPED: dict[RunPlan, str] = {"no-change": "no-change", "capped": "budget-run", "late": "stopped"}


def planned_end(plan: Ticket, config: FactoryConfig) -> End:
    """Questions until it is clear, then agents until their work is merged or a person is needed."""
    if plan.kind in ("ineligible", "held"):
        return State.BLOCKED, plan.kind
    left = _Left(plan, config)
    asks: dict[str, Callable[[], End | None]] = {
        "vague": left.ask,
        "empty": left.ask_in_vain,
        "unroutable": left.ask_where,
        "unsure": left.ask_model if config.triage.model != "off" else left.ask,
    }
    end = asks[plan.kind]() if plan.kind in asks else None
    while end is None:
        end = left.run()
    return end


class _Left:
    """What of the plan has not happened yet. Each step gives the end, or nothing while it goes on."""

    def __init__(self, plan: Ticket, config: FactoryConfig) -> None:
        self._rules, self._most_questions = config.agents, config.clarification.max_rounds
        self._answers, self._asked = list(plan.answers), 0
        self._opinions = list(plan.opinions)
        self._runs, self._tries = list(plan.runs), 0
        self._rounds = {True: 0, False: 0}  # conflicts with the base have rounds of their own
        self._flags = config.agents.exhausted == "publish-flagged"
        self._reviewed = config.merge.policy != "on-green"  # a green head does not wait for a reviewer
        self._protected = False
        self._faults = ["conflict"] * plan.clashes + ["ci-failed"] * plan.red
        self._requests, self._ignored = plan.requested, plan.ignored
        self._refused = plan.refused in FINAL and config.merge.policy != "never"  # people may merge it all the same

    def ask_where(self) -> End | None:
        """One question, which stands until somebody names a repository."""
        self._asked += 1
        answer = self._answers.pop(0) if self._answers else None
        if answer and _refuses(answer):
            return _withdrawn(answer)
        return None if answer and answer.useful else (State.FAILED, "")

    def ask(self, *, enough: bool = False) -> End | None:
        """One question after the other until somebody says something useful; `enough`: until anybody answers."""
        while self._asked < self._most_questions:
            self._asked += 1
            if not self._answers:
                return State.FAILED, ""
            answer = self._answers.pop(0)
            if _refuses(answer) or answer.takes_back:
                return _withdrawn(answer)
            if enough or answer.useful or answer.twice:
                return None
        return State.BLOCKED, "still-unclear"

    def ask_model(self) -> End | None:
        """A model is asked before people are."""
        opinion = self._opinions.pop(0) if self._opinions else "asks"
        if opinion == "person":
            return State.BLOCKED, "ineligible"
        return None if opinion == "starts" else self.ask()

    def ask_in_vain(self) -> End:
        """What nobody wrote into the ticket, no answer adds."""
        while self._asked < self._most_questions:
            self._asked += 1
            if not self._answers:
                return State.FAILED, ""
            if _refuses(self._answers.pop(0)):
                return State.BLOCKED, "withdrawn"
        return State.BLOCKED, "still-unclear"

    def run(self) -> End | None:
        """The next agent, and what its end leads to."""
        run: RunPlan = self._runs.pop(0) if self._runs else "succeeds"
        if run in STOPPED:
            return State.BLOCKED, STOPPED[run]
        if run in FAILING:
            self._tries += 1
            return (State.BLOCKED, "attempts-exhausted") if self._tries == self._rules.max_attempts else None
        if run in ("limited", "setup-fails"):
            return None
        self._tries = 0
        if run == "check-fails" and not self._flags:
            return State.BLOCKED, "checks-failed"
        self._protected = self._protected or run == "protected"  # for the rest of its branch's life
        return self.ask(enough=True) if run == "asks" else self._judged(flagged=run == "check-fails")

    def _judged(self, *, flagged: bool) -> End | None:
        """Its pull request: merged, by people where it is flagged, or the next round."""
        reviewed = self._reviewed or flagged or self._protected
        if self._ignored and reviewed and not self._faults:
            return State.BLOCKED, "review-unanswered"
        if self._faults:
            reason = self._faults.pop(0)
        elif reviewed and self._requests:
            self._requests, reason = self._requests - 1, "review-failed"
        else:
            return (State.BLOCKED, "merge-refused") if self._refused and not flagged else (State.DONE, "")
        conflict = reason == "conflict"
        self._rounds[conflict] += 1
        most = self._rules.max_conflict_rounds if conflict else self._rules.max_rounds
        return (State.BLOCKED, reason) if self._rounds[conflict] > most else None


def _refuses(answer: Answer) -> bool:
    """A statement that follows a refusal does not take it back."""
    return answer.refuses or (answer.before == "refusal" and not answer.useful)


def _withdrawn(answer: Answer) -> End:
    """A refusal of the question whether to close it closes it."""
    return (State.CANCELLED, "") if answer.refuses and answer.before == "refusal" else (State.BLOCKED, "withdrawn")
