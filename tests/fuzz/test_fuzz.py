"""The same few draws at every test run; `make soak` draws others for longer."""

from __future__ import annotations

import random

import pytest

from . import draws
from .ways import WAYS, played

SEED = 35
ROUNDS = {"engine-streams": 40, "run-folders": 25, "webhooks": 12, "worker-protocol": 12}


@pytest.mark.pure
@pytest.mark.parametrize("name", sorted(set(ROUNDS) - {"run-folders"}))
def test_whatever_is_sent_is_taken_or_refused(name: str) -> None:
    """No answer is a fault of ours, no other run or ticket is disturbed, and what is kept can be read and shown."""
    with WAYS[name]() as play:
        for index in range(ROUNDS[name]):
            played(play, SEED, name, index)


def test_whatever_lies_in_a_run_is_a_report_or_none() -> None:
    with WAYS["run-folders"]() as play:
        for index in range(ROUNDS["run-folders"]):
            played(play, SEED, "run-folders", index)


def test_whatever_comes_over_a_socket_is_answered_without_a_fault() -> None:
    with WAYS["http"]() as play:
        for index in range(4):
            played(play, SEED, "http", index)


@pytest.mark.pure
def test_a_seed_draws_the_same_again() -> None:
    drawn = [draws.spoiled(random.Random(7), {"a": [1, {"b": "c"}]}) for _ in range(2)]
    assert drawn[0] == drawn[1]
