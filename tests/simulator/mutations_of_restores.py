"""Mistakes in what becomes of a store that is put back to a backup."""

from __future__ import annotations

from . import made_of_restores as made
from .mutation import RUNNER, Mutation

MUTATIONS_OF_RESTORES = (
    Mutation(
        "what follows a restore has the keys of what was lost",
        "every-item-rests-rightly",
        "adapters.stores.record_sql:put_back",
        '"born": birth(now), ',
        "",
        made.put_back_asked,
    ),
    Mutation(
        "runs that no record knows go on",
        "one-live-run",
        RUNNER + "event_recorder:EventRecorder.knows_run",
        "return record is not None and record.knows_run(run_id)",
        "return True",
        made.put_back_begun,
    ),
    Mutation(
        "what was merged is published once more",
        "merged-work-is-done",
        RUNNER + "perform:EffectHandlers._merged_before",
        "if STRANDED not in record.handled:",
        "if True:",
        made.put_back_merged,
    ),
    Mutation(
        "a ticket that was put in progress after the backup is given up",
        "every-item-rests-rightly",
        "adapters.stores.record_sql:put_back",
        "if goes_on else {}",
        "if False else {}",
        made.put_back_answered,
    ),
)
