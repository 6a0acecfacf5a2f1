"""What the factory logs, a JSON document a line: Workers Logs makes each of its fields one that can be searched.

https://developers.cloudflare.com/workers/observability/logs/workers-logs/
"""

from __future__ import annotations

import json
import logging

from ..redaction import in_this_process

_REDACT = in_this_process()
FIELDS = ("action", "tenant", "item", "from", "to", "provider", "delivery", "what", "status", "ms")


class JsonLines(logging.Handler):
    """Prints: the platform has no other way. Only ASCII, and no secret that this isolate knows."""

    def emit(self, record: logging.LogRecord) -> None:
        line = {"level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        line |= {name: value for name in FIELDS if (value := getattr(record, name, None)) not in (None, "")}
        if record.exc_info:
            line["fault"] = logging.Formatter().formatException(record.exc_info)
        shown = {name: value if isinstance(value, int) else _REDACT(str(value)) for name, value in line.items()}
        print(json.dumps(shown))


def log_in_lines() -> None:
    logging.basicConfig(level=logging.WARNING, handlers=[JsonLines()], force=True)
    logging.getLogger("factory").setLevel(logging.INFO)
