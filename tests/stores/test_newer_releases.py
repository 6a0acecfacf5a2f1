"""Two releases on one store: what the newer one wrote is there still after the older one has saved the record."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from adapters.stores.record_sql import Model, decode, encode
from factory_core.config import Runner
from factory_core.dispatch.batch import (
    Batch,
)
from factory_core.dispatch.effects import PostComment
from factory_core.dispatch.records import ClarificationRecord, InFlightRecord
from factory_core.dispatch.spending import DaySpending, Grant
from factory_core.errors import NewerRecord, UnreadableRecord
from factory_core.performing.lease import claim, released
from factory_core.runs.queued_run import QueuedRun, Worker
from factory_core.runs.run import Usage
from factory_core.work_item import StoredModel
from tests.core.stored_samples import NOW, SAMPLES

pytestmark = pytest.mark.pure
ROOTS: tuple[type[StoredModel], ...] = (InFlightRecord, ClarificationRecord, Batch, QueuedRun, Worker)
ADDED = {"newer": {"level": "high", "of": [1, 2.5, None]}}


def models_in(shape: Any, found: set[type[BaseModel]]) -> set[type[BaseModel]]:
    """Every model that a value of this type may hold."""
    if isinstance(shape, type) and issubclass(shape, BaseModel) and shape not in found:
        found.add(shape)
        for field in shape.model_fields.values():
            models_in(field.annotation, found)
    for part in get_args(shape):
        models_in(part, found)
    return found


def with_added_fields(value: Any) -> Any:
    """Its JSON as a newer release writes it, which added a field to every model."""
    if isinstance(value, BaseModel):
        return {**{name: with_added_fields(getattr(value, name)) for name in type(value).model_fields}, **ADDED}
    if isinstance(value, dict):
        return {key: with_added_fields(one) for key, one in value.items()}
    if isinstance(value, tuple):
        return [with_added_fields(one) for one in value]
    return to_jsonable_python(value)


def test_every_stored_model_keeps_the_fields_of_a_newer_release() -> None:
    found = set[type[BaseModel]]()
    for root in ROOTS:
        models_in(root, found)
    assert found
    assert [model.__name__ for model in found if not issubclass(model, StoredModel)] == []
    assert [root.__name__ for root in ROOTS[:4] if "format" not in root.model_fields] == []


def test_what_is_not_known_survives_a_round_trip_at_every_depth() -> None:
    for sample in SAMPLES:
        body = json.dumps(with_added_fields(sample))
        once = decode(type(sample), body)
        stored = encode(once)  # type: ignore[arg-type]
        assert decode(type(sample), stored) == once
        assert stored.count('"newer"') == body.count('"newer"')
        assert json.loads(stored)["newer"] == ADDED["newer"]


def test_a_record_without_unknown_fields_is_stored_as_before() -> None:
    """To the byte, and without a field that has its default."""
    for sample in SAMPLES:
        stored = encode(sample)  # type: ignore[arg-type]
        assert encode(decode(type(sample), stored)) == stored  # type: ignore[arg-type]
        assert '"format"' not in stored
    assert encode(InFlightRecord(work_item_id="i", version=1)) == '{"work_item_id":"i","version":1}'


def test_values_that_change_keep_what_is_not_known_of_them() -> None:
    """A lease that is taken and given back, a total that grows, a day that goes on."""
    record = _read(InFlightRecord, InFlightRecord(work_item_id="i", spent=Usage(turns=1)).plan([PostComment(body="x")]))
    claimed = claim(record, "h", NOW, Runner(), lambda holder: False)
    assert claimed and released(claimed).lease.model_extra == claimed.lease.model_extra == ADDED
    assert record.spent.plus(Usage(turns=2)).model_extra == ADDED
    day = _read(DaySpending, DaySpending().granted("i", Grant(), Decimal(1), NOW))
    again = day.granted("i", Grant(run=2), Decimal(1), NOW)
    assert (again.model_extra, again.accounts["i"].model_extra) == (ADDED, ADDED)


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (InFlightRecord, {"work_item_id": "i", "state": "tournament"}),
        (InFlightRecord, {"work_item_id": "i", "format": 2}),
        (InFlightRecord, {"work_item_id": "i", "outbox": [{"key": "k", "effect": {"kind": "run_tournament"}}]}),
        (InFlightRecord, {"work_item_id": "i", "verdict": {"kind": "epic"}, "tracker": "paused"}),
        (Batch, {"slots": {"i": {"repository": "r", "state": "held", "since": "2026-12-01T10:00:00Z"}}}),
        (QueuedRun, {"run_id": "r", "queued_at": "2026-12-01T10:00:00Z",
                     "report": {"run_id": "r", "work_item_id": "i", "status": "running", "fault": "weather"}}),
    ],
)  # fmt: skip
def test_a_value_that_is_not_known_is_a_newer_releases(model: type[StoredModel], body: dict[str, object]) -> None:
    with pytest.raises(NewerRecord):
        decode(model, json.dumps(body))


@pytest.mark.parametrize("body", ["", "{", "[]", '{"work_item_id": 7}', '{"work_item_id": "i", "since": "soon"}'])
def test_damage_is_no_newer_release(body: str) -> None:
    with pytest.raises(UnreadableRecord) as caught:
        decode(InFlightRecord, body)
    assert not isinstance(caught.value, NewerRecord)


def _read(model: type[Model], sample: Model) -> Model:
    return decode(model, json.dumps(with_added_fields(sample)))
