"""API Gateway's events (HTTP API 2.0, REST 1.0) and function URLs (2.0) → the neutral request, and back.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from factory_core.errors import Refused
from factory_core.http import HttpRequest, HttpResponse


def request_of(event: Mapping[str, Any], received_at: datetime) -> HttpRequest:
    """Raise Refused for what is no HTTP event. The body is what the sender signed, byte for byte."""
    try:
        http = event["requestContext"].get("http")
        method, path = (http["method"], _path(event)) if http else (event["httpMethod"], event["path"])
        return HttpRequest(
            method=method, path=path, headers=_headers(event), body=_body(event), received_at=received_at
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise _no_request(f"{type(error).__name__}: {error}") from None
    except ValueError as error:  # also for what is no Base64
        raise _no_request(f"its body: {error}") from None


def response_of(said: HttpResponse) -> dict[str, Any]:
    """What every kind of HTTP integration takes. All that we say is text."""
    body = said.body.decode()
    return {"statusCode": said.status, "headers": said.all_headers(), "body": body, "isBase64Encoded": False}


def _path(event: Mapping[str, Any]) -> str:
    """2.0 leaves a named stage in front of the path; 1.0 does not."""
    path: str = event["rawPath"]
    stage = event["requestContext"].get("stage", "$default")
    return path.removeprefix(f"/{stage}") if path.startswith(f"/{stage}/") else path


def _headers(event: Mapping[str, Any]) -> dict[str, str]:
    """Lower case; several of one name as HTTP joins them. 1.0 keeps the sender's spelling, and each value apart."""
    several = event.get("multiValueHeaders") or {name: [value] for name, value in (event.get("headers") or {}).items()}
    return {name.lower(): ",".join(values) for name, values in several.items()}


def _body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body") or ""
    return b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode("utf-8", "surrogatepass")


def _no_request(why: str) -> Refused:
    return Refused(
        "this is no HTTP request", why=why, fix="In API Gateway: send payload format 1.0 or 2.0 to this function"
    )
