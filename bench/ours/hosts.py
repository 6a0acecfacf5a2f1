"""What the two clouds are held to: the imports of a cold start, here; and what their tests count, taken from there."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from .. import aws_costs, cloudflare_costs
from ..measure import Sizes
from .starts import least

COLD: Mapping[str, tuple[str, str, str]] = {
    "floor.python": (sys.executable, "-c", "pass"),
    "floor.aws.import": (
        sys.executable,
        "-c",
        "import bench.floors.models, boto3; boto3.client('dynamodb', region_name='us-east-1')",
    ),
    "factory.aws.import": (sys.executable, "-c", "import adapters.aws.handlers.ingress"),
}


def cold(path: Path, sizes: Sizes) -> Mapping[str, float]:
    """Milliseconds over a bare interpreter."""
    took = least(COLD, sizes.starts)
    bare = took.pop("floor.python")
    return {name: each - bare for name, each in took.items()}


def counted(path: Path, sizes: Sizes) -> Mapping[str, float]:
    """tests/hosts/aws/test_cost.py and tests/hosts/cloudflare fail where they count anything else."""
    aws, (ours, _, step_functions) = aws_costs.COUNTED, aws_costs.ways()
    rows = next(item for item in cloudflare_costs.lifecycle() if item.name == cloudflare_costs.ROWS_WRITTEN)
    return {
        "factory.aws.trips": sum(aws.trips) / len(aws.trips),
        "factory.aws.writes": ours.writes,
        "factory.aws.redelivery": aws_costs.REDELIVERY,
        "factory.aws.price": ours.dollars,
        "step-functions.price": step_functions.dollars,
        "factory.object.requests": cloudflare_costs.ASKED,
        "factory.object.rows": rows.count,
    }
