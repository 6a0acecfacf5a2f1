"""Mistakes in what stays of a ticket that is forgotten, and in what late words of it do."""

from __future__ import annotations

from . import made_of_forgettings as made
from .mutation import RUNNER, STEPS, Mutation

MUTATIONS_OF_FORGETTINGS = (
    Mutation(
        "nothing tells a forgotten ticket from a lost one",
        "forgotten-stays-over",
        RUNNER + "effect_performer:EffectPerformer._forget",
        "forgotten.trace(record, now, self._config)",
        "None",
        made.forgotten_at_work,
    ),
    Mutation(
        "a forgotten ticket that is ready still is started by a late word",
        "forgotten-stays-over",
        STEPS + "forgotten:stays_forgotten",
        "if since is None:",
        "if True:",
        made.forgotten_while_asked,
    ),
    Mutation(
        "what stays of a forgotten ticket has its branch",
        "forgotten-is-nowhere",
        STEPS + "forgotten:trace",
        "tracker=record.tracker,",
        "tracker=record.tracker, branch=record.branch,",
        made.forgotten_at_work,
    ),
)
