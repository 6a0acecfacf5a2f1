"""GitHub's webhooks: verified, and reduced to "something about the pull request of this item changed". No I/O.

Which events exist and what they hold: docs.github.com/webhooks/webhook-events-and-payloads
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from factory_core.config import FactoryConfig
from factory_core.dispatch.events import PullRequestChanged
from factory_core.dispatch.pull_request import PREFIX, item_of_body, item_of_branch, names_at
from factory_core.errors import Refused
from factory_core.http import HttpRequest
from factory_core.payload import at, moment, number, read_object, rows, text
from factory_core.ports import Inbound
from factory_core.signatures import REMEMBERED, refuse_unsigned, signed

_DATED = ("comment", "pull_request", "review", "check_run", "check_suite", "workflow_run")
_TIMES = ("created_at", "updated_at", "submitted_at", "completed_at")

SIGNATURE = "x-hub-signature-256"  # the older x-hub-signature is SHA-1 and never counts


class GithubWebhook:
    """ports.Webhook for GitHub, as repository, organisation or App webhook, in its JSON or its form encoding."""

    def __init__(self, secrets: Sequence[str], config: FactoryConfig) -> None:
        self._secrets = tuple(secrets)
        self._repositories = frozenset(name.casefold() for name in config.repositories)

    def events_in(self, request: HttpRequest) -> Inbound:
        """Raise BadSignature or Refused; an event that concerns none of our branches gives no events.

        GitHub signs neither a time stamp nor the delivery's id. So an event is known by its body, and one whose body
        tells of nothing newer than applied ids are remembered is an old recording.
        """
        given = request.headers.get(SIGNATURE)
        ok = signed(self._secrets, request.body, given, prefix="sha256=")
        refuse_unsigned("github", ok, header=SIGNATURE, present=given is not None)
        name, delivery = request.headers.get("x-github-event", ""), request.headers.get("x-github-delivery", "")
        if not name or not delivery:
            raise _unreadable("it has no x-github-event or no x-github-delivery header")
        body = _json_of(request)
        payload = read_object("github", body)
        what = ".".join(filter(None, (name, text(payload, "action"))))[:80]
        subjects = tuple(_subjects(what, name, payload)) if self._may_be_ours(payload) else ()
        said_at = _said_at(payload)
        if subjects and said_at and request.received_at - said_at > REMEMBERED:
            why = f"it tells of nothing newer than {said_at:%Y-%m-%d %H:%M:%S} UTC: an old recording"
            return Inbound(delivery_id=delivery, what=what, ignored=why)
        event_id = f"github:{hashlib.sha256(body).hexdigest()}"
        events = tuple(self._changed(one, what, payload, event_id, request.received_at) for one in subjects)
        keys = dict.fromkeys(event.work_item_id for event in events if event.work_item_id)
        notice = _renamed(what, payload, self._repositories)
        lost = _lost(what, payload, self._repositories)
        return Inbound(delivery_id=delivery, what=" ".join((what, *keys)), notice=notice, events=events, lost=lost)

    def _may_be_ours(self, payload: dict[str, Any]) -> bool:
        """Everybody who installs the same App signs with one secret, and may name a branch like ours. One of our owners
        may have renamed a repository; one that went to another owner is ours when the configuration says so."""
        owner = text(payload, "repository", "full_name").casefold().partition("/")[0]
        return not owner or any(name.partition("/")[0] == owner for name in self._repositories)

    def _changed(
        self, subject: Subject, what: str, payload: dict[str, Any], event_id: str, received_at: datetime
    ) -> PullRequestChanged:
        """By a key that its branch spells only where the repository is one of ours by name."""
        name = text(payload, "repository", "full_name").casefold()
        return PullRequestChanged(
            id=event_id,
            work_item_id=item_of_branch(subject.branch) if not name or name in self._repositories else "",
            aliases=_aliases(subject, payload),
            at=received_at,
            what=what,
        )


def _json_of(request: HttpRequest) -> bytes:
    """The body, or its `payload` field where the webhook was set up to send a form."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return request.body
    try:
        return (
            parse_qs(request.body.decode("ascii"), errors="strict", max_num_fields=8).get("payload", [""])[0].encode()
        )
    except ValueError as error:
        raise _unreadable("its form cannot be decoded") from error


def _unreadable(why: str) -> Refused:
    return Refused("a github webhook that cannot be read", why=why, fix="factory doctor github")


class Subject(NamedTuple):
    """What an event is about: the pull request, where it is named, and the branch."""

    number: int | None = None
    branch: str = ""


def _said_at(payload: dict[str, Any]) -> datetime | None:
    """The newest time in it that GitHub itself has written; None where there is none. A commit's time is its author's.

    A check's own time is what its app says, so its suite's is looked at as well.
    """
    places = (payload, *(at(payload, name) for name in _DATED), at(payload, "check_run", "check_suite"))
    return max((said for place in places for name in _TIMES if (said := moment(place, name))), default=None)


def _aliases(subject: Subject, payload: dict[str, Any]) -> tuple[str, ...]:
    """Under the repository's id, which it keeps when it is renamed or transferred, then under its name."""
    places = (str(number(payload, "repository", "id") or ""), text(payload, "repository", "full_name"))
    return tuple(name for place in places if place for name in names_at(place, *subject))


def _subjects(what: str, name: str, payload: dict[str, Any]) -> Iterable[Subject]:
    """Those that are on a branch of ours, or commented on, each once; usually one or none."""
    subjects = SUBJECTS.get(what) or SUBJECTS.get(name)
    found = subjects(payload) if subjects else ()
    return dict.fromkeys(one for one in found if one.branch.startswith(PREFIX) or subjects is _of_comment)


def _lost(what: str, payload: dict[str, Any], repositories: Collection[str]) -> str:
    """What ends an App's tokens, where it is installed for one of our owners: everybody's installations are told.

    https://docs.github.com/webhooks/webhook-events-and-payloads#installation
    """
    if what not in ("installation.deleted", "installation.suspend"):
        return ""
    owner = text(payload, "installation", "account", "login").casefold()
    ours = any(name.partition("/")[0] == owner for name in repositories)
    return f"GitHub says that the App's installation ended ({what})" if ours else ""


def _renamed(what: str, payload: dict[str, Any], repositories: Collection[str]) -> str:
    """What to change in the configuration when a repository that it names goes by another name.

    https://docs.github.com/webhooks/webhook-events-and-payloads#repository
    """
    now = text(payload, "repository", "full_name")
    owner, _, name = now.partition("/")
    if what == "organization.renamed":
        before, now = text(payload, "changes", "login", "from"), text(payload, "organization", "login")
        named = any(one.partition("/")[0] == before.casefold() for one in repositories)
        return f"organisation {before} is {now} now; name its repositories so in the configuration" if named else ""
    if what == "repository.renamed":
        before = f"{owner}/{text(payload, 'changes', 'repository', 'name', 'from')}"
    elif what == "repository.transferred":
        was = at(payload, "changes", "owner", "from")
        before = f"{text(was, 'user', 'login') or text(was, 'organization', 'login')}/{name}"
    else:
        return ""
    named = before.casefold() in repositories
    return f"repository {before} is {now} now; name it so in the configuration" if named else ""


def _of_comment(payload: dict[str, Any]) -> Iterable[Subject]:
    """An issue is a pull request, too, and names no branch. Apps are not obeyed.

    A mark is copied by anybody: it only says that this may be one of ours, and the item is found by the pull request.
    """
    issue, app = at(payload, "issue"), text(payload, "comment", "user", "type") == "Bot"
    ours = at(issue, "pull_request") is not None and item_of_body(text(issue, "body"))
    return (Subject(number(issue, "number")),) if ours and not app else ()


def _of_pull_request(payload: dict[str, Any]) -> Iterable[Subject]:
    pull = at(payload, "pull_request")
    return (Subject(number(pull, "number"), text(pull, "head", "ref")),) if _is_here(pull) else ()


def _of_check_run(payload: dict[str, Any]) -> Iterable[Subject]:
    return _of_suite(at(payload, "check_run", "check_suite"))


def _of_check_suite(payload: dict[str, Any]) -> Iterable[Subject]:
    return _of_suite(at(payload, "check_suite"))


def _of_suite(suite: object) -> Iterable[Subject]:
    """For a fork GitHub leaves the branch or the list of pull requests empty; ours may have no pull request yet."""
    pulls = rows(suite, "pull_requests")
    here = [number(pull, "number") for pull in pulls if _is_here(pull) is not False]
    return (Subject(next(iter(here), None), text(suite, "head_branch")),) if here or not pulls else ()


def _of_workflow_run(payload: dict[str, Any]) -> Iterable[Subject]:
    run = at(payload, "workflow_run")
    here = _same(at(run, "head_repository"), at(payload, "repository"))
    return (Subject(branch=text(run, "head_branch")),) if here else ()


def _of_status(payload: dict[str, Any]) -> Iterable[Subject]:
    return (Subject(branch=text(branch, "name")) for branch in rows(payload, "branches"))


def _is_here(pull: object) -> bool | None:
    """Not from a fork? Everybody may open one there and name its branch like ours; a deleted fork is null."""
    return _same(at(pull, "head", "repo"), at(pull, "base", "repo"))


def _same(one: object, other: object) -> bool | None:
    """Are both the same repository? Some events give its full name, some only its id, some neither: None."""
    for name in ("full_name", "id"):
        told, compared = at(one, name), at(other, name)
        if isinstance(told, str | int) and isinstance(compared, str | int):
            return told == compared
    return None


SUBJECTS: dict[str, Callable[[dict[str, Any]], Iterable[Subject]]] = {
    **{
        f"pull_request.{action}": _of_pull_request
        for action in (
            "reopened", "ready_for_review", "converted_to_draft", "synchronize", "closed", "edited",
            "auto_merge_enabled", "auto_merge_disabled", "enqueued", "dequeued",
        )
    },
    "issue_comment.created": _of_comment,
    "pull_request_review.submitted": _of_pull_request,
    "pull_request_review.edited": _of_pull_request,
    "pull_request_review.dismissed": _of_pull_request,
    "pull_request_review_comment.created": _of_pull_request,
    "check_run.completed": _of_check_run,
    "check_suite.completed": _of_check_suite,
    "workflow_run.completed": _of_workflow_run,
    "status": _of_status,
}  # fmt: skip
"""The events that may change what becomes of a pull request, and what each is about; others are nothing. What people
write is never taken from an event: the pull request is read, which also tells who may write.

So is `pull_request.opened`: the factory opened it, and read it then; one that a person opened is that person's.
"""
