"""Records and events of every kind, for laws that hold for every cell of the table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import Any, get_args

from factory_core.dispatch import events
from factory_core.dispatch.effects import ReadItem, StartAgent
from factory_core.dispatch.pull_request import Check, PullRequest, Review
from factory_core.dispatch.records import Block, Clarification, InFlightRecord, State, Summary
from factory_core.dispatch.refusal import Refusal, RefusalKind, RefusedMerge
from factory_core.dispatch.routing import Route
from factory_core.dispatch.run import ENDED, Run, RunReport, RunStatus
from factory_core.dispatch.triage import Verdict
from factory_core.work_item import ItemState

from .world import START, config_of, ticket

CONFIG = config_of(clarification={"whoMayAnswer": "reporter", "people": {"maya": "U1"}, "maxRounds": 2})
RUN = Run(run_id="ACME-1.b.0", engine="console", started_at=START)
ROUTE = Route(repository="acme/shop", engine="console", why="project Shop")
PULL = PullRequest(
    repository="acme/shop", number=1, url="https://code.example/1", base="main", head_sha="a1",
    draft=False, merged=False, mergeable=True, reviews=(),
    checks=(Check(name="ci", status="completed", conclusion="success"),),
)  # fmt: skip
RED = PULL.model_copy(update={"checks": (Check(name="ci", status="completed", conclusion="failure"),)})
UNKIND = PULL.model_copy(update={"reviews": (Review(id="7", author="U2", state="changes_requested", body="No."),)})
CLASHING = PULL.model_copy(update={"mergeable": False})
PULLS = (
    PULL, RED, UNKIND, CLASHING, None,
    PULL.model_copy(update={"merged": True, "state": "closed"}),
    PULL.model_copy(update={"state": "closed"}),
    PULL.model_copy(update={"checks": None, "draft": None}),
)  # fmt: skip
ITEMS = (
    None, ticket(), ticket(title="Rename total to price"), ticket(labels=("exec:pair",)),
    *(ticket(state=state) for state in ItemState),
)  # fmt: skip
VERDICTS = (
    Verdict(eligible=False, why="it is a spike"),
    Verdict(eligible=True, why="clear enough", score=0.9, clear=True, route=ROUTE),
    Verdict(eligible=True, why="clear enough", score=0.9, clear=True),
    Verdict(eligible=True, why="missing: what to do", score=0.2, question="What exactly?", route=ROUTE),
)
REPLIES = tuple(
    events.Reply(id=f"m-{author}", author=author, text="In the page.", at=START) for author in ("maya", "U1", "U9")
)

FIELDS: dict[type[events.Event], tuple[dict[str, Any], ...]] = {
    events.ItemChanged: (*({"item": item} for item in ITEMS), {"item": None, "session_id": "s1"}),
    events.ItemRead: tuple({"item": item} for item in ITEMS),
    events.StartRefused: tuple({"item": item} for item in ITEMS),
    events.Triaged: tuple({"item": ticket(), "verdict": verdict} for verdict in VERDICTS),
    events.QuestionAsked: (
        {"thread_id": "C1:1.0"},
        {"thread_id": "C1:1.0", "early": REPLIES},
        {"thread_id": "s1", "session_id": "s1"},
    ),
    events.ReplyReceived: tuple(
        {"thread_id": "C1:1.0", "session_id": session, "reply": reply} for session in ("", "s1") for reply in REPLIES
    ),
    events.CommentAdded: tuple({"reply": reply} for reply in REPLIES),
    events.ThreadMoved: ({"old": "C1", "new": "C2"}, {"old": "C7", "new": "C8"}),
    events.SlotGranted: ({"repository": "acme/shop"},),
    events.SlotOffered: ({},),
    events.SlotDenied: ({"reason": "2 of 2 agents are busy"},),
    events.AgentStarted: ({"run": RUN}, {"run": RUN, "told": ("Use amount.",)}),
    events.AgentFinished: tuple(
        {"report": RunReport(run_id=run_id, work_item_id="ACME-1", status=status, words="Which one?")}
        for status in RunStatus
        if status in ENDED
        for run_id in (RUN.run_id, "ACME-1.b.9", "a.zombie.1")
    ),
    events.PullRequestOpened: ({"pull_request": PULL},),
    events.PullRequestChanged: ({"what": "check_run.completed"},),
    events.PullRequestRead: tuple({"pull_request": pull} for pull in PULLS),
    events.MergeRefused: tuple(
        {"refusal": Refusal(kind=kind, why=f"It says {kind}.", fix="In GitHub: look at it")}
        for kind in get_args(RefusalKind)
    ),
    events.EffectFailed: tuple(
        {"effect": effect, "why": "404", "fix": "factory check"} for effect in ("start_agent", "post_reply")
    ),
    events.CheckedIn: ({},),
    events.StopRequested: ({}, {"by": "maya"}, {"by": "maya", "session_id": "s1"}),
    events.RetryRequested: ({}, {"by": "maya", "reason": "the server was down"}),
    events.AbortRequested: ({}, {"by": "maya", "reason": "not needed"}),
}


def events_of(kind: type[events.Event]) -> Iterator[events.Event]:
    """Samples of one kind of event: soon, and after every deadline."""
    for n, (fields, at) in enumerate(product(FIELDS[kind], (START, START + timedelta(days=30)))):
        yield kind(id=f"{kind.__name__}-{n}", work_item_id="ACME-1", at=at, **fields)


def records_in(state: State) -> Iterator[InFlightRecord]:
    """Records in one state: fresh, amid everything, and with everything used up."""
    asked = Clarification(question="In the API too?", thread_id="C1:1.0", asked_at=START)
    bare = InFlightRecord(work_item_id="ACME-1", state=state)
    known = bare.but(born="b", since=START, item=Summary.of(ticket()), tracker=ItemState.READY, route=ROUTE)
    busy = known.but(run=RUN, pull_request=PULL, attempt=1, branch="factory/ACME-1-x", clarification=asked)
    last = busy.but(attempt=CONFIG.agents.max_attempts, round=CONFIG.agents.max_rounds, feedback=("Use amount.",))
    yield from (bare, known, busy, last)
    yield busy.but(feedback=("Use amount.",), answers=REPLIES[:1], tracker=ItemState.DONE, generation=2)
    for kind in get_args(RefusalKind):
        refused = RefusedMerge(kind=kind, why="It says no.", head="a1", seen="", times=3, updates=3, enqueued=3)
        yield busy.but(refused=refused, armed=True, conflict_rounds=2)
    yield known.plan([ReadItem(), ReadItem(), StartAgent()])
    yield from (busy.but(session_id=session, refresh_at=START + timedelta(days=1)) for session in ("s0", "s1"))
    for step, round_ in product(("asked", "reminded", "escalated"), (1, 2)):
        yield busy.but(clarification=asked.model_copy(update={"step": step, "round": round_}))
    for reason in ("still-unclear", "ci-failed", "merge-refused"):
        lifts = reason != "still-unclear"
        stopped = Block(reason=reason, why="It stopped.", fix="factory status ACME-1", gate_lifts=lifts)
        yield from (busy.but(block=stopped, feedback=feedback) for feedback in ((), ("Use amount.",)))
