"""An event becomes the request that was sent, whatever shape it came in: Powertools' own readers say the same."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent, APIGatewayProxyEventV2
from hypothesis import given
from hypothesis import strategies as st

from adapters.aws.http import request_of, response_of
from factory_core.errors import Refused
from factory_core.http import PRIVATE, HttpResponse

from .events import SHAPES, Headers, http_api, rest_api

pytestmark = pytest.mark.pure
AT = datetime(2026, 11, 21, tzinfo=UTC)
HEADERS = (("Linear-Signature", "ab12"), ("X-Twice", "1"), ("x-twice", "2"), ("Content-Type", "application/json"))


@given(body=st.text(st.characters(exclude_categories=("Cs",))).map(str.encode), shape=st.sampled_from(SHAPES))
def test_the_body_is_what_was_signed_byte_for_byte(body: bytes, shape: Any) -> None:
    request = request_of(shape("POST", "/hooks/acme/linear?x=1", HEADERS, body), AT)
    assert (request.method, request.path, request.body) == ("POST", "/hooks/acme/linear", body)
    assert request.headers == {
        "linear-signature": "ab12", "x-twice": "1,2", "content-type": "application/json"
    }  # fmt: skip


def test_bytes_that_are_no_text_come_as_base64() -> None:
    assert request_of(http_api("POST", "/", (), b"\xff\x00\xfe"), AT).body == b"\xff\x00\xfe"


def test_a_stage_with_a_name_is_no_part_of_the_path() -> None:
    assert request_of(http_api("GET", "/healthz", (), b"", stage="live"), AT).path == "/healthz"
    assert request_of(http_api("GET", "/liveliness", (), b"", stage="live"), AT).path == "/liveliness"


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_powertools_reads_the_same(shape: Any) -> None:
    """Its readers cost a cold start 60 to 140 ms, for the six fields that are wanted; so they are the judge here."""
    headers: Headers = HEADERS[:1]
    event = shape("POST", "/hooks/acme/linear", headers, b'{"a": 1}')
    judge: Any = (APIGatewayProxyEvent if shape is rest_api else APIGatewayProxyEventV2)(event)
    ours = request_of(event, AT)
    assert (ours.method, ours.path, ours.body.decode()) == (judge.http_method, judge.path, judge.decoded_body)
    assert ours.headers["linear-signature"] == judge.headers["Linear-Signature"]


@pytest.mark.parametrize(
    "event",
    [{}, {"Records": []}, {"requestContext": None}, {"requestContext": {}}, {"requestContext": {"http": {}}},
     {**http_api("GET", "/", (), b""), "body": "%"}, {**rest_api("GET", "/", (), b""), "multiValueHeaders": {"a": 1}}],
)  # fmt: skip
def test_what_is_no_request_is_refused(event: Any) -> None:
    with pytest.raises(Refused):
        request_of(event, AT)


def test_an_answer_is_text_with_its_headers() -> None:
    said = HttpResponse(status=503, body="ß".encode(), headers={"retry-after": "3"})
    headers = {"content-type": "application/json", **PRIVATE, "retry-after": "3"}
    assert response_of(said) == {"statusCode": 503, "headers": headers, "body": "ß", "isBase64Encoded": False}
