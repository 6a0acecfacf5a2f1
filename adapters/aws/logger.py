"""The functions' Logger: every host's JSON lines, with the request, the function and the correlation id in each.

A correlation id begins where something comes in: a webhook's request, a worker's, an event's, or a tick. A save that
wakes the performer carries it on the item, and the performer's lines and saves for that item carry it on.
https://docs.powertools.aws.dev/lambda/python/latest/core/logger/
"""

from __future__ import annotations

import logging
import os

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from ..logs.log_lines import Hide, PrintedLines, written_line
from ..logs.redaction import in_this_process, values_of_secrets

SERVICE = "factory"  # also the name of the logger that is above all of ours
KEYS = {
    "correlation_id": "correlation_id",
    "function_name": "function",
    "function_request_id": "aws_request_id",
    "cold_start": "cold_start",
}
"""What Powertools calls it → what our lines call it."""


class RedactedLines(LambdaPowertoolsFormatter):
    """The lines of adapters/logs, with Powertools' keys; every text in them is redacted."""

    def __init__(self, hide: Hide) -> None:
        super().__init__()
        self._hide = hide

    def format(self, record: logging.LogRecord) -> str:
        keys = {**self.get_current_keys(), **self.thread_safe_get_current_keys()}
        more = {ours: keys[name] for name, ours in KEYS.items() if keys.get(name) is not None}
        return written_line(record, self._hide, more | {"trace": self._get_latest_trace_id()})


_hide = in_this_process(lambda: values_of_secrets(os.environ))
function_logger = Logger(service=SERVICE, logger_handler=logging.NullHandler(), logger_formatter=RedactedLines(_hide))
logging.getLogger(SERVICE).setLevel(logging.NOTSET)  # nothing is written before log_in_lines


def log_in_lines() -> None:
    """For us and for libraries, in place of Lambda's own handlers."""
    for library in ("botocore", "httpx2", "httpcore2", "aws_xray_sdk"):
        logging.getLogger(library).setLevel(logging.WARNING)
    logging.getLogger(SERVICE).setLevel(logging.INFO)
    lines = PrintedLines(_hide)
    lines.setFormatter(function_logger.registered_formatter)
    logging.root.handlers[:] = [lines]


def correlation_id() -> str:
    """Of what this task is doing; empty outside of a call."""
    keys = {**function_logger.get_current_keys(), **function_logger.thread_safe_get_current_keys()}
    return str(keys.get("correlation_id") or "")


def correlate(given: str) -> None:
    """In this task, and in those that it starts."""
    if given:
        function_logger.thread_safe_append_keys(correlation_id=given)
