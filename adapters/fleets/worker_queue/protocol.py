"""factory.worker/1: what workers and the factory say to each other. docs/workers.md shows it in JSON.

Unknown fields are passed over, so that either side may be the newer one.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from factory_core.errors import Refused
from factory_core.runs.queued_run import LONGEST_LINE, MOST_LINES
from factory_core.runs.reported import Sha
from factory_core.runs.run import ENDED, RunOrder, RunReport
from factory_core.work_item import Frozen

SCHEMA: Literal["factory.worker/1"] = "factory.worker/1"
LARGEST = 1024 * 1024  # bytes of a worker's request: the longest texts in it, were each character escaped
SAFE = r"^[\w.-]*$"  # lengths stand beside it: a counted class of Unicode takes tenths of a second to compile

CAN = ("checks", "protected-paths", "answers")
"""What a worker of this release can beyond starting an engine; a run that needs more is left to others."""

Epoch = Annotated[int, Field(strict=True, ge=1, le=2**53)]
Name = Annotated[str, StringConstraints(max_length=100)]
Line = Annotated[str, StringConstraints(max_length=LONGEST_LINE)]


class Speaker(Frozen):
    """The worker, in each of its requests."""

    id: Annotated[str, StringConstraints(pattern=SAFE, min_length=8, max_length=100)]
    name: Name = ""
    version: Name = ""
    engines: tuple[Name, ...] = Field(default=(), max_length=20)
    slots: int = Field(default=1, ge=1, le=1000)
    can: tuple[Name, ...] = Field(default=(), max_length=20)


class Request(Frozen):
    schema_: Literal["factory.worker/1"] = Field(default=SCHEMA, alias="schema")
    worker: Speaker


class Claim(Request):
    """Give me a run; `run`: this one and no other, for which I was started."""

    run: Annotated[str, StringConstraints(pattern=SAFE, max_length=200)] = ""


class Held(Request):
    """What a worker says of a run that it holds under this epoch. Whose word it is counts also where the rest of it
    cannot be read."""

    epoch: Epoch


class Heartbeat(Held):
    """I have it, and this is how far it is. The first one, before the agent is started, confirms the offer."""

    report: RunReport
    tail: tuple[Line, ...] = Field(default=(), max_length=MOST_LINES)


class Report(Held):
    """It ended; `head` is the sha that was pushed, when there was something to push."""

    report: RunReport
    head: Sha = ""


class Offered(Frozen):
    """`elsewhere`: what this worker may still keep of the item is older than what another one pushed."""

    epoch: int
    order: RunOrder
    elsewhere: bool = False


class ClaimAnswer(Frozen):
    schema_: Literal["factory.worker/1"] = Field(default=SCHEMA, alias="schema")
    run: Offered | None = None
    retry_after_s: float = Field(default=0.0, ge=0, le=3600)  # when to ask again


class HeartbeatAnswer(Frozen):
    """`lease_s`: counted by the worker from before it asked. `stop`: end the agent, then report."""

    schema_: Literal["factory.worker/1"] = Field(default=SCHEMA, alias="schema")
    stop: bool = False
    lease_s: float = Field(ge=0, le=30 * 86_400)
    heartbeat_s: float = Field(gt=0, le=30 * 86_400)


class ReportAnswer(Frozen):
    schema_: Literal["factory.worker/1"] = Field(default=SCHEMA, alias="schema")


def refuse_unended(report: RunReport) -> None:
    """Raise Refused for a last word that is none."""
    if report.status not in ENDED:
        why = f"its status is {report.status}"
        raise Refused("a report of a run that goes on", why=why, fix="In the worker: send a heartbeat instead")


def spelled(message: Frozen) -> bytes:
    """JSON; defaults are left out, the schema is not."""
    document: dict[str, Any] = message.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return json.dumps({"schema": SCHEMA, **document}, ensure_ascii=False).encode("utf-8", "replace")
