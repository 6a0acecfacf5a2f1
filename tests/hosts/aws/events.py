"""The events that AWS gives to functions, made from what happened: HTTP in its three shapes, records of a stream.

Their fields are those of docs.aws.amazon.com/lambda; Powertools' own models of them must read them (test_http.py).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

Headers = Sequence[tuple[str, str]]


def http_api(method: str, target: str, headers: Headers, body: bytes, stage: str = "$default") -> dict[str, Any]:
    """HTTP API, payload 2.0: lower-case names, duplicates joined; the path begins with a stage that has a name."""
    path, query = urlsplit(target).path, urlsplit(target).query
    shown = path if stage == "$default" else f"/{stage}{path}"
    joined: dict[str, str] = {}
    for name, value in headers:
        joined[name.lower()] = f"{joined[name.lower()]},{value}" if name.lower() in joined else value
    return {
        "version": "2.0", "routeKey": "$default", "rawPath": shown, "rawQueryString": query, "headers": joined,
        "requestContext": {
            "accountId": "123456789012", "apiId": "api", "domainName": "api.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "api", "requestId": uuid4().hex, "routeKey": "$default", "stage": stage,
            "time": "21/Nov/2026:12:00:00 +0000", "timeEpoch": 1795262400000,
            "http": {"method": method, "path": shown, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
        },
        "body": b64encode(body).decode(), "isBase64Encoded": True,
    }  # fmt: skip


def function_url(method: str, target: str, headers: Headers, body: bytes) -> dict[str, Any]:
    """A function URL speaks 2.0 too; a text body comes as it is."""
    event = http_api(method, target, headers, b"")
    return {**event, "body": body.decode(), "isBase64Encoded": False} if body else _without_body(event)


def rest_api(method: str, target: str, headers: Headers, body: bytes) -> dict[str, Any]:
    """REST API, payload 1.0: the sender's spelling of names, each value apart; the stage is not in the path."""
    path = urlsplit(target).path
    several: dict[str, list[str]] = {}
    for name, value in headers:
        several.setdefault(name.title(), []).append(value)
    return {
        "version": "1.0", "resource": "/{proxy+}", "path": path, "httpMethod": method,
        "headers": {name: values[-1] for name, values in several.items()}, "multiValueHeaders": several,
        "queryStringParameters": None, "multiValueQueryStringParameters": None, "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "accountId": "123456789012", "apiId": "api", "httpMethod": method, "path": f"/live{path}", "stage": "live",
            "requestId": uuid4().hex, "identity": {"sourceIp": "192.0.2.1"}, "resourcePath": "/{proxy+}",
            "resourceId": "1", "protocol": "HTTP/1.1", "requestTimeEpoch": 1795262400000,
        },
        "body": body.decode() or None, "isBase64Encoded": False,
    }  # fmt: skip


SHAPES = (http_api, function_url, rest_api)


def stream_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as GetRecords gives it, as Lambda hands it on: JSON, so bytes are base64."""
    stream = record["dynamodb"]
    told = {name: _plain(value) for name, value in stream.items() if name in {"Keys", "NewImage", "OldImage"}}
    return {
        "eventID": record["eventID"], "eventName": record["eventName"], "eventVersion": "1.1",
        "eventSource": "aws:dynamodb", "awsRegion": "us-east-1", "eventSourceARN": "arn:aws:dynamodb:stream",
        "dynamodb": {
            **told, "SequenceNumber": stream["SequenceNumber"], "SizeBytes": 1, "StreamViewType": "NEW_IMAGE",
            "ApproximateCreationDateTime": 1795262400.0,
        },
    }  # fmt: skip


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    return {name: _plain(one) for name, one in value.items()} if isinstance(value, dict) else value


def _without_body(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name != "body"} | {"isBase64Encoded": False}
