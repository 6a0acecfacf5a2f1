"""The order to keep nothing of a ticket that is over: given on the factory's machine, or to a cloud over HTTP.

POST /items/<key>/forget, with the tenant as the user and FACTORY_OPERATOR_TOKEN as the password: the status page's own
password reads and changes nothing, and every browser that it was typed into sends it along.
"""

from __future__ import annotations

import json
import re
import uuid
from urllib.parse import unquote

from pydantic import Field, ValidationError

from factory_core.dispatch.events import ForgetRequested
from factory_core.dispatch.records import ENDED, InFlightRecord, State
from factory_core.errors import NotFound, Refused, StoppedByRule
from factory_core.http import HttpRequest, HttpResponse
from factory_core.payload import parse_as
from factory_core.performing.event_recorder import EventRecorder
from factory_core.work_item import Frozen

from ..assembly import utc_now
from ..credentials.secrets import MAKE_ONE, Secrets
from ..providers.vendor import SHORTEST, Secret
from .basic_auth import basic_credentials
from .pages import is_known, unauthorized

OPERATOR = Secret("operator token", ("FACTORY_OPERATOR_TOKEN",), f"`{MAKE_ONE}` makes one", SHORTEST)
FORGET = re.compile(r"/items/([^/]+)/forget")


class ForgetOrder(Frozen):
    """The body of the request. `by`: who asks. `dry_run`: say whether it would be done, and change nothing."""

    by: str = Field(default="", max_length=200)
    dry_run: bool = False


async def forgettable(recorder: EventRecorder, key: str, how_to_end: str) -> InFlightRecord:
    """The record. Raises NotFound for what the factory does not know, StoppedByRule for what is not over.

    `how_to_end`: what a person does about that.
    """
    record = await recorder.store.get_in_flight(key)
    if record is None:
        why = "no ticket of that key is in flight or was finished lately"
        raise NotFound("The factory knows no such ticket.", why=why, fix="factory status --all")
    _refuse_alive(record, how_to_end)
    return record


async def forget(recorder: EventRecorder, record: InFlightRecord, by: str, how_to_end: str) -> None:
    """Save the order, which the factory performs within seconds. Raises StoppedByRule where it moved on meanwhile."""
    event = ForgetRequested(id=f"forget:{uuid.uuid4().hex}", work_item_id=record.work_item_id, at=utc_now(), by=by)
    after = await recorder.record_and_wake(event)
    if not after.knows(event):
        _refuse_alive(after, how_to_end)


async def answer_forget(request: HttpRequest, recorder: EventRecorder, secrets: Secrets) -> HttpResponse:
    """What the tenant's operator gets for the request. Raises what the two above raise, Refused for another body."""
    named = FORGET.fullmatch(request.path)
    assert named
    if not is_known(secrets, basic_credentials(request.headers.get("authorization", "")).password, OPERATOR):
        return unauthorized()
    try:
        order = parse_as(ForgetOrder, request.body or b"{}")
    except ValidationError:
        fix = "factory forget KEY --url URL --tenant TENANT"
        raise Refused("That is no order to forget.", why="the body must be a JSON object", fix=fix) from None
    key = unquote(named[1])
    how_to_end = f"In the tracker: cancel {key[:80]}"
    record = await forgettable(recorder, key, how_to_end)
    if not order.dry_run:
        await forget(recorder, record, order.by, how_to_end)
    return HttpResponse(body=json.dumps(document(record, changed=not order.dry_run)).encode())


def document(record: InFlightRecord, *, changed: bool) -> dict[str, object]:
    """factory.forget/1."""
    return {"schema": "factory.forget/1", "work_item": record.key, "state": record.state, "changed": changed}


def _refuse_alive(record: InFlightRecord, how_to_end: str) -> None:
    """Raise StoppedByRule while the factory works on it, or waits for somebody."""
    if record.state not in ENDED | {State.NEW}:
        what = f"{record.key} is {record.state}: it is not over."
        raise StoppedByRule(what, why="only what is over is forgotten", fix=how_to_end)
