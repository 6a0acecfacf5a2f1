"""A fresh, signed sample of every event that the factory knows, for `factory trigger`.

The bodies are those that the sandbox itself sends, and so is the signing.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from factory_core.dispatch.pull_request import branch_of, item_mark
from factory_core.errors import Refused

from .clock import Clock, iso_seconds
from .github import moves
from .github import records as kept
from .github import shapes as hub
from .github.host import GitHub
from .github.rest import ping_payload
from .linear.workspace import Linear, issue_paths
from .node import Node
from .registry import SIGN
from .relayfile.files import pointer
from .signing import Attempt, Headers, Vendor, encoded
from .slack.workspace import BOT_USER, Slack

ADDRESS = "http://127.0.0.1:8790"
TITLE, DESCRIPTION = (
    "Add a discount to the cart",
    "The cart's total must take a discount in percent.\n\n"
    "## Acceptance criteria\n\n- [ ] `total([100], discount=10)` is 90\n- [ ] a discount over 100 is refused\n",
)


class Sample(NamedTuple):
    """`provider` is the last part of the address: POST /hooks/<tenant>/<provider>."""

    provider: Vendor
    headers: Headers
    body: bytes


class Happening(NamedTuple):
    """The vendor's name of the event, and its body."""

    event: str
    payload: Node
    delivery_id: str = ""


def names() -> tuple[str, ...]:
    return tuple(SAMPLES)


def sample(name: str, overrides: Mapping[str, str], secret: str, now: datetime, ids: Callable[[], str]) -> Sample:
    """The event signed with `secret`, as if sent at `now`; `ids` gives fresh UUIDs.

    `overrides` maps dotted paths of the body (`data.title`, `data.labels.0.name`) to JSON, or to text that is none.
    Raises Refused for an unknown name or a path that leads nowhere.
    """
    make = SAMPLES.get(name)
    if make is None:
        raise _unknown(name)
    clock = Clock(now=lambda: now, new_id=ids)
    happening = make(clock)
    payload = json.loads(json.dumps(happening.payload))
    for path, value in overrides.items():
        _override(name, payload, path, value)
    provider: Vendor = _provider(name)
    attempt = Attempt(happening.delivery_id or ids(), happening.event, encoded(payload), now)
    return Sample(provider, SIGN[provider](secret, attempt), attempt.body)


def _provider(name: str) -> Vendor:
    return next(vendor for vendor in SIGN if vendor == name.split(".")[0])


def _unknown(name: str) -> Refused:
    near = next(iter(difflib.get_close_matches(name, SAMPLES, 1, 0.3)), "linear.issue.ready")
    why = f"the nearest known name is {near!r}"
    return Refused(f"no event is called {name!r}", why=why, fix=f"factory trigger {near}")


def _override(name: str, payload: Any, path: str, value: str) -> None:
    *parents, last = path.split(".")
    try:
        place = payload
        for part in parents:
            place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
        place[int(last) if isinstance(place, list) else last] = _value(value)
    except (AttributeError, TypeError, ValueError, IndexError):
        why = "the path leads into something that has no parts"
        raise Refused(f"{name} has no {path!r} to override", why=why, fix=f"factory trigger {name}") from None


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


# Linear: a small workspace in which the thing happens; its last webhook is the sample.


def _linear(happen: Callable[[Linear, str], object]) -> Callable[[Clock], Happening]:
    def make(clock: Clock) -> Happening:
        told: list[Happening] = []
        linear = Linear(clock, lambda _, event, payload, __: told.append(Happening(event, payload)), lambda: ADDRESS)
        made = linear.create_issue(TITLE, DESCRIPTION, ("exec:quick",), "Shop", priority=2)
        happen(linear, made["key"])
        stamped = {**told[-1].payload, "webhookTimestamp": clock.epoch_ms()}
        return Happening(told[-1].event, stamped)

    return make


def _session(linear: Linear, key: str) -> str:
    session: str = linear.open_session(linear.issue(key), linear.person("Ada"))["id"]
    return session


# Slack.


def _slack(happen: Callable[[Slack, str], object]) -> Callable[[Clock], Happening]:
    def make(clock: Clock) -> Happening:
        sent: list[Happening] = []
        slack = Slack(clock, lambda _, event, payload, __: sent.append(Happening(event, payload)), lambda: ADDRESS)
        slack.add_channel("C0SANDBOX", "eng-intake")
        root = slack.post("C0SANDBOX", "DEMO-1 needs a detail", BOT_USER)
        happen(slack, root["ts"])
        return sent[-1]

    return make


def _slack_url_verification(clock: Clock) -> Happening:
    challenge = {"token": "sandbox-verification-token", "challenge": clock.new_id(), "type": "url_verification"}
    return Happening("url_verification", challenge)


# GitHub: one pull request of the factory's.


class _Pull(NamedTuple):
    """The pull request at the sample's moment, and how to make times and ids."""

    repo: kept.Repository
    pull: kept.Pull
    clock: Clock

    def now(self) -> str:
        return iso_seconds(self.clock.now())

    def sha(self) -> str:
        return (self.clock.new_id() + self.clock.new_id()).replace("-", "")[:40]

    def number(self) -> int:
        return int(self.clock.new_id().replace("-", "")[:8], 16)

    def check(self, conclusion: str = "success") -> kept.Check:
        sha, branch = self.pull.head_sha, self.pull.head
        return kept.Check(
            self.number(), sha, branch, self.now(), "ci", "completed", conclusion, self.now(), suite=self.number()
        )

    def suite(self, conclusion: str = "success") -> kept.Suite:
        suite = kept.Suite(self.number(), self.pull.head_sha, self.pull.head, self.now(), run=self.number())
        suite.status, suite.conclusion = "completed", conclusion
        return suite


def _github(event: str, build: Callable[[_Pull], Node]) -> Callable[[Clock], Happening]:
    def make(clock: Clock) -> Happening:
        repo = kept.Repository(1, "acme/shop", Path(), ADDRESS)
        branch, body = branch_of("DEMO-1", TITLE, 1), item_mark("DEMO-1")
        pull = kept.Pull(1, f"DEMO-1: {TITLE}", body, branch, "main", "", "", "")
        context = _Pull(repo, pull, clock)
        pull.head_sha, pull.base_sha = context.sha(), context.sha()
        pull.created_at, pull.mergeable = context.now(), True
        repo.pulls.append(pull)
        return Happening(event, build(context))

    return make


def _synchronize(at: _Pull) -> Node:
    return hub.pull_event(at.repo, at.pull, "synchronize", before=at.sha(), after=at.pull.head_sha)


def _merged(at: _Pull) -> Node:
    pull = at.pull
    pull.state, pull.merged_at, pull.merged_by, pull.merge_commit_sha = "closed", at.now(), kept.BOT, at.sha()
    pull.updated_at = at.now()
    return hub.pull_event(at.repo, pull, "closed")


def _closed(at: _Pull) -> Node:
    at.pull.state, at.pull.updated_at = "closed", at.now()
    return hub.pull_event(at.repo, at.pull, "closed", "grace")


def _review(state: str, body: str) -> Callable[[_Pull], Node]:
    def build(at: _Pull) -> Node:
        review = kept.Review(at.number(), "grace", state, body, at.pull.head_sha, at.now())
        shown = hub.review_json(at.repo, at.pull, review)
        return hub.event(at.repo, "submitted", "grace", review=shown, pull_request=hub.pull_json(at.repo, at.pull))

    return build


def _check_run(at: _Pull) -> Node:
    return hub.event(at.repo, "completed", kept.BOT, check_run=hub.check_json(at.repo, at.check()))


def _check_suite(at: _Pull) -> Node:
    return hub.event(at.repo, "completed", kept.BOT, check_suite=hub.suite_json(at.repo, at.suite()))


def _workflow_run(at: _Pull) -> Node:
    suite = at.suite()
    run, workflow = hub.workflow_run_json(at.repo, suite), hub.workflow_json(suite)
    return hub.event(at.repo, "completed", kept.BOT, workflow_run=run, workflow=workflow)


def _inline_comment(at: _Pull) -> Node:
    where = ("cart.py", 2, at.pull.head_sha, at.now(), at.number())
    comment = kept.ReviewComment(at.number(), "grace", "Please refuse a negative discount too.", *where)
    shown = hub.review_comment_json(at.repo, at.pull, comment)
    return hub.event(at.repo, "created", "grace", comment=shown, pull_request=hub.pull_json(at.repo, at.pull))


def _status(at: _Pull) -> Node:
    status = kept.Status(at.number(), at.pull.head_sha, "ci", "success", "All tests passed.", at.now())
    return hub.status_event(at.repo, status, at.pull.head, "ci-app[bot]")


def _moved(happen: Callable[[GitHub], object]) -> Callable[[Clock], Happening]:
    """What happens to a repository, or to the App that is installed for it."""

    def make(clock: Clock) -> Happening:
        sent: list[Happening] = []
        github = GitHub(
            clock, lambda _, event, payload, __: sent.append(Happening(event, payload)), lambda: ADDRESS,
            lambda work: work.close(), Path(),
        )  # fmt: skip
        github.repositories["acme/shop"] = kept.Repository(1, "acme/shop", Path(), ADDRESS)
        happen(github)
        return sent[-1]

    return make


def _comment(at: _Pull) -> Node:
    comment = kept.Comment(at.number(), "grace", "/factory please name the constant", at.now())
    return hub.issue_comment_event(at.repo, at.pull, comment)


def _ping(at: _Pull) -> Node:
    return hub.event(at.repo, None, "grace", **ping_payload())


# relayfile: a pointer to where the vendor's object lies.


def _relayfile(provider: str, path_of: Callable[[Clock], str]) -> Callable[[Clock], Happening]:
    def make(clock: Clock) -> Happening:
        event_id = "evt_" + clock.new_id()
        kind = "file.updated"
        return Happening(kind, pointer(provider, kind, path_of(clock), 1, event_id, clock), event_id)

    return make


def _issue_path(clock: Clock) -> str:
    linear = Linear(clock, lambda *_: None, lambda: ADDRESS)
    return issue_paths(linear.issue(linear.create_issue(TITLE)["key"]))[0]


def _reply_path(clock: Clock) -> str:
    seconds = int(clock.now().timestamp())
    return f"/slack/channels/C0SANDBOX__eng-intake/threads/{seconds}_000001/replies/{seconds}_000002/meta.json"


def _pull_path(clock: Clock) -> str:
    pull = kept.Pull(1, TITLE, "", "factory/DEMO-1-x", "main", "", "", "")
    return hub.pull_paths(kept.Repository(1, "acme/shop", Path(), ADDRESS), pull)[0]


SAMPLES: Mapping[str, Callable[[Clock], Happening]] = MappingProxyType(
    {
        "linear.issue.ready": _linear(lambda linear, key: linear.change_issue(key, state="Ready for Agent")),
        "linear.issue.updated": _linear(lambda linear, key: linear.change_issue(key, title=TITLE + ", rounded")),
        "linear.issue.cancelled": _linear(lambda linear, key: linear.change_issue(key, state="Canceled")),
        "linear.issue.removed": _linear(lambda linear, key: linear.remove_issue(key)),
        "linear.comment.created": _linear(lambda linear, key: linear.add_comment(key, "Members only, please.")),
        "linear.session.created": _linear(_session),
        "linear.session.prompted": _linear(
            lambda linear, key: linear.prompt(_session(linear, key), "Use ten percent.")
        ),
        "linear.session.stop": _linear(lambda linear, key: linear.prompt(_session(linear, key), "stop", "stop")),
        "linear.issue.moved": _linear(lambda linear, key: linear.move_issue(key, "2ENG")),
        "linear.app.revoked": _linear(lambda linear, _: linear.revoke_app()),
        "slack.message.reply": _slack(
            lambda slack, ts: slack.reply("C0SANDBOX", "Ten percent, for members only", ts, "U0ADA")
        ),
        "slack.message.file": _slack(lambda slack, ts: slack.reply("C0SANDBOX", "", ts, "U0ADA", files=["cart.png"])),
        "slack.channel_id_changed": _slack(lambda slack, _: slack.change_channel_id("C0SANDBOX", "C0SHARED")),
        "slack.tokens_revoked": _slack(lambda slack, _: slack.revoke_tokens()),
        "slack.url_verification": _slack_url_verification,
        "github.pull_request.opened": _github("pull_request", lambda at: hub.pull_event(at.repo, at.pull, "opened")),
        "github.pull_request.synchronize": _github("pull_request", _synchronize),
        "github.pull_request.closed": _github("pull_request", _closed),
        "github.pull_request.closed.merged": _github("pull_request", _merged),
        "github.pull_request.ready_for_review": _github(
            "pull_request", lambda at: hub.pull_event(at.repo, at.pull, "ready_for_review")
        ),
        "github.pull_request_review.submitted.approved": _github("pull_request_review", _review("approved", "")),
        "github.pull_request_review.submitted.changes_requested": _github(
            "pull_request_review", _review("changes_requested", "Please refuse a negative discount too.")
        ),
        "github.pull_request_review_comment.created": _github("pull_request_review_comment", _inline_comment),
        "github.check_run.completed": _github("check_run", _check_run),
        "github.check_suite.completed": _github("check_suite", _check_suite),
        "github.workflow_run.completed": _github("workflow_run", _workflow_run),
        "github.status": _github("status", _status),
        "github.issue_comment.created": _github("issue_comment", _comment),
        "github.repository.renamed": _moved(lambda github: moves.rename_repository(github, "acme/shop", "store")),
        "github.repository.transferred": _moved(
            lambda github: moves.transfer_repository(github, "acme/shop", "globex")
        ),
        "github.organization.renamed": _moved(lambda github: moves.rename_organization(github, "acme", "globex")),
        "github.installation.deleted": _moved(lambda github: github.change_installation("deleted")),
        "github.ping": _github("ping", _ping),
        "relayfile.linear.issue": _relayfile("linear", _issue_path),
        "relayfile.slack.reply": _relayfile("slack", _reply_path),
        "relayfile.github.pull": _relayfile("github", _pull_path),
    }
)
