"""What the factory logs, a JSON document a line: Workers Logs makes each of its fields one that can be searched.

https://developers.cloudflare.com/workers/observability/logs/workers-logs/
"""

from __future__ import annotations

import logging

from ..logs.log_lines import PrintedLines
from ..logs.redaction import in_this_process


def log_in_lines() -> None:
    """Without the secrets that this isolate knows."""
    logging.basicConfig(level=logging.WARNING, handlers=[PrintedLines(in_this_process())], force=True)
    logging.getLogger("factory").setLevel(logging.INFO)
