"""API Gateway's events (HTTP API 2.0, REST 1.0) and function URLs (2.0) → the neutral request, and back.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.data_classes.api_gateway_proxy_event import (
    APIGatewayProxyEvent,
    APIGatewayProxyEventV2,
)

from factory_core.errors import Refused
from factory_core.http import HttpRequest, HttpResponse


def request_of(event: Mapping[str, Any], received_at: datetime) -> HttpRequest:
    """Raise Refused for what is no HTTP event. The body is what the sender signed, byte for byte."""
    try:
        read = _read(event)
        path = _path(read) if isinstance(read, APIGatewayProxyEventV2) else read.path
        return HttpRequest(
            method=read.http_method, path=path, headers=_headers(read), body=_body(read), received_at=received_at
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise _no_request(f"{type(error).__name__}: {error}") from None
    except ValueError as error:  # also for what is no Base64
        raise _no_request(f"its body: {error}") from None


def response_of(said: HttpResponse) -> dict[str, Any]:
    """What every kind of HTTP integration takes. All that we say is text."""
    body = said.body.decode()
    return {"statusCode": said.status, "headers": said.all_headers(), "body": body, "isBase64Encoded": False}


def _read(event: Mapping[str, Any]) -> APIGatewayProxyEvent | APIGatewayProxyEventV2:
    two = event["requestContext"].get("http")
    return APIGatewayProxyEventV2(dict(event)) if two else APIGatewayProxyEvent(dict(event))


def _path(read: APIGatewayProxyEventV2) -> str:
    """2.0 leaves a named stage in front of the path; 1.0 does not. Powertools cuts as many letters off any path."""
    stage = read.request_context.get("stage", "$default")
    return read.raw_path.removeprefix(f"/{stage}") if read.raw_path.startswith(f"/{stage}/") else read.raw_path


def _headers(read: APIGatewayProxyEvent | APIGatewayProxyEventV2) -> dict[str, str]:
    """Lower case; several of one name as HTTP joins them. 1.0 keeps the sender's spelling, and each value apart."""
    several = read.get("multiValueHeaders") or {name: [value] for name, value in read.headers.items()}
    return {name.lower(): ",".join(values) for name, values in several.items()}


def _body(read: APIGatewayProxyEvent | APIGatewayProxyEventV2) -> bytes:
    """Byte for byte: Powertools gives a text, which no signature is of."""
    body = read.body or ""
    return b64decode(body, validate=True) if read.is_base64_encoded else body.encode("utf-8", "surrogatepass")


def _no_request(why: str) -> Refused:
    return Refused(
        "this is no HTTP request", why=why, fix="In API Gateway: send payload format 1.0 or 2.0 to this function"
    )
