"""The page of Cloudflare's costs says what the counted figures come to."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.cloudflare_costs import (
    Counted,
    idle_month,
    idle_table,
    included,
    lifecycle,
    lifecycle_table,
    total,
)

pytestmark = pytest.mark.pure

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "cloudflare-costs.md").read_text()


def test_the_page_has_the_figures() -> None:
    assert lifecycle_table() in PAGE and idle_table() in PAGE
    assert f"{included()[0]:,} lifecycles a month" in PAGE


def test_a_bill_is_the_sum_of_what_is_counted() -> None:
    """By hand: 10 rows and 4 alarms written, 5 rows read, 2 requests in, 2 to the object and 2 alarms that ring."""
    assert total(lifecycle(Counted(10, 5, 2))) == pytest.approx(14 * 1.00 + 5 * 0.001 + 2 * 0.30 + 4 * 0.15)


def test_one_object_that_is_always_awake_is_within_the_plan() -> None:
    """128 MB for 30 days, as the plan counts them: 0.128 GB times 2,592,000 s."""
    gb_seconds = idle_month()[-1].count
    assert gb_seconds * 1e6 == pytest.approx(331_776) and gb_seconds < 0.4


def test_the_plan_pays_for_what_no_part_of_it_exceeds() -> None:
    assert included(Counted(written=988, read=1, heard=6)) == (50_000, "rows written")
    assert included(Counted(written=88, read=1, heard=50)) == (10_000, "requests to the object, and alarms that ring")
