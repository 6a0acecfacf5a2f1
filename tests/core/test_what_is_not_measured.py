"""A cost that no engine told is not zero: it is shown as such wherever money is."""

from __future__ import annotations

from decimal import Decimal

import pytest

from factory_core.runs.run import RunOrder, RunReport, RunStatus, Usage
from factory_core.status.formatting import cost

pytestmark = pytest.mark.pure

PRICED, UNPRICED = Usage(turns=2, usd=Decimal("3.02")), Usage(turns=7, cost_known=False)


def test_a_sum_knows_what_it_lacks() -> None:
    """One run without a price makes the whole a lower bound; nothing at all costs nothing."""
    assert (PRICED.plus(PRICED).cost, PRICED.plus(UNPRICED).cost) == ("$6.04", "at least $3.02")
    assert (UNPRICED.plus(UNPRICED).cost, Usage().cost) == ("cost not measured", "$0.00")
    assert Usage().plus(PRICED) == PRICED


@pytest.mark.parametrize(
    ("usage", "words"), [(PRICED, "$3.02"), (UNPRICED, "not measured"), (PRICED.plus(UNPRICED), "at least $3.02")]
)
def test_the_page_and_the_terminal_say_it(usage: Usage, words: str) -> None:
    """Both have their words from one function."""
    assert cost(usage.usd, usage.cost_known) == words


def test_it_is_stored_only_where_it_is_so() -> None:
    """Records and reports of engines that tell their price stay as they were, and old ones are read as known."""
    assert "cost_known" not in PRICED.model_dump_json()
    assert Usage.model_validate_json(UNPRICED.model_dump_json()) == UNPRICED
    assert Usage.model_validate_json('{"usd": "1"}').cost_known


@pytest.mark.parametrize("session", ["--dangerously", "-x", "a b", "$(x)", "x\n--y", "é", "a" * 300])
def test_a_session_id_is_never_an_option(session: str) -> None:
    """Neither in a worker's report nor in the order that an engine is called with."""
    report = {"run_id": "1", "work_item_id": "1", "status": RunStatus.ASKED, "session": session}
    assert RunReport.model_validate(report).session == ""
    given = {
        "run_id": "1", "work_item_id": "1", "title": "", "repository": "", "clone_url": "", "base": "main",
        "branch": "b", "engine": "codex", "task": "", "max_turns": 1, "max_duration": 1, "max_usd": 1,
    }  # fmt: skip
    assert RunOrder.model_validate({**given, "resume": session}).resume == ""
    assert RunOrder.model_validate({**given, "resume": "019a-b.c:d_E"}).resume == "019a-b.c:d_E"
