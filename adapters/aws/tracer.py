"""The functions' Tracer: a subsegment for each call of a handler, and one for each request to AWS.

Neither what a handler returns nor what it raises goes into a trace as metadata.
https://docs.powertools.aws.dev/lambda/python/latest/core/tracer/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from aws_lambda_powertools import Tracer

from .logger import SERVICE

T = TypeVar("T")
_tracer = Tracer(service=SERVICE, auto_patch=False)


def traced(handler: Callable[[Mapping[str, Any], Any], T]) -> Callable[[Mapping[str, Any], Any], T]:
    """The handler in a subsegment of its own."""
    return _tracer.capture_lambda_handler(handler, capture_response=False, capture_error=False)


def trace_requests() -> None:
    """To AWS. With the first call, which loads botocore anyway: at import it would cost a third more (decision 16)."""
    _tracer.patch(["botocore"])
