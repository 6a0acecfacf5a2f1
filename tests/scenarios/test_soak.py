"""The soak, small: a few tickets, two deaths and failing vendors. The long one is `make soak`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from .server_process import config_of
from .soak import LONGEST_REST, MACHINE, plan, soak


@pytest.mark.pure
def test_a_seed_repeats_its_plan() -> None:
    acts = plan(7, 300, 150, 40)
    assert acts == plan(7, 300, 150, 40) and acts != plan(8, 300, 150, 40)
    kinds = Counter(act.what[1] for act in acts if act.do == "ticket")
    assert kinds == {"clear": 57, "vague": 38, "unroutable": 20, "cancelled": 35}
    assert sum(act.do == "kill" for act in acts) == 40


def test_nothing_is_doubled_or_lost_when_servers_die_and_vendors_fail(tmp_path: Path) -> None:
    """With short times, so that it is soon over: how long the product's own are is the long soak's matter."""
    seconds, tickets, kills = 6.0, 12, 2
    acts = plan(3, seconds, tickets, kills)
    found = soak(
        tmp_path, acts, seconds, LONGEST_REST * MACHINE, lambda w: config_of(w, sweep={"every": "2s"})
    )  # fmt: skip
    assert not found.wrong, str(found)
