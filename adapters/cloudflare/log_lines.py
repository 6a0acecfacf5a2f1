"""What the factory logs, a JSON document a line: Workers Logs makes each of its fields one that can be searched.

https://developers.cloudflare.com/workers/observability/logs/workers-logs/
"""

from __future__ import annotations

import json
import logging

FIELDS = ("action", "tenant", "item", "from", "to", "provider", "delivery", "what", "status", "ms")


class JsonLines(logging.Handler):
    """Prints: the platform has no other way."""

    def emit(self, record: logging.LogRecord) -> None:
        line = {"level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        line |= {name: value for name in FIELDS if (value := getattr(record, name, None)) not in (None, "")}
        if record.exc_info:
            line["fault"] = logging.Formatter().formatException(record.exc_info)
        print(json.dumps(line, ensure_ascii=False, default=str))


def log_in_lines() -> None:
    logging.basicConfig(level=logging.WARNING, handlers=[JsonLines()], force=True)
    logging.getLogger("factory").setLevel(logging.INFO)
