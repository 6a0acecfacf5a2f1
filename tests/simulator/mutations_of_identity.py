"""Small mistakes by which an event finds another item than the one that its sender means, or none."""

from __future__ import annotations

from . import made
from .mutation import RUNNER, STEPS, Mutation

MUTATIONS_OF_IDENTITY = (
    Mutation(
        "an item is found by its key alone",
        "words-are-heard",
        RUNNER + "finding:record_of",
        "(event.identity, *event.aliases, event.work_item_id)",
        "(event.work_item_id, *event.aliases)",
        made.moved,
    ),
    Mutation(
        "a key leads to an item of another organisation",
        "organisations-are-apart",
        STEPS + "records:InFlightRecord.is_of",
        "return not (event.identity and known) or",
        "return True or",
        made.beside,
    ),
    Mutation(
        "aliases are not stored",
        "acknowledged-is-kept",
        STEPS + "records:InFlightRecord.named",
        "new_aliases=(*self.new_aliases, *new)",
        "new_aliases=()",
    ),
)
