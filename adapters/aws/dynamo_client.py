"""The one door to DynamoDB: how it is opened, how long it may take, and what each of its errors means.

boto3 is loaded with the first call: no import of ours waits for it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from factory_core.errors import StoreUnavailable, VersionConflict

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

PATIENCE, TRIES, POOL = 2.0, 2, 32  # seconds for an answer, tries, connections: a sender waits 3 to 10 s for us


@cache
def dynamo_client() -> DynamoDBClient:
    """This process's client, for all threads: of AWS_DEFAULT_REGION, or of the emulator at DYNAMODB_ENDPOINT."""
    return new_client(endpoint=os.environ.get("DYNAMODB_ENDPOINT") or None)


def new_client(endpoint: str | None = None, patience: float = PATIENCE, **more: Any) -> DynamoDBClient:
    """`more` goes to boto3: a region, keys. Proxies are the environment's, as for every AWS program."""
    from boto3.session import Session
    from botocore.config import Config

    config = Config(
        connect_timeout=patience / 2, read_timeout=patience, max_pool_connections=POOL, tcp_keepalive=True,
        retries={"mode": "standard", "total_max_attempts": TRIES},
    )  # fmt: skip
    return Session().client("dynamodb", endpoint_url=endpoint, config=config, **more)


def asked(client: Callable[[], DynamoDBClient], table: str, operation: str, request: Mapping[str, Any]) -> Any:
    """What DynamoDB answers. Raises VersionConflict where a condition did not hold, else StoreUnavailable."""
    from botocore.exceptions import BotoCoreError, ClientError

    region = "no region"
    try:
        opened = client()
        region = opened.meta.region_name
        return getattr(opened, operation)(**request)
    except ClientError as error:
        raise _refusal(error.response, table, region) from None
    except BotoCoreError as error:
        raise _unreachable(error, table) from None


class Meaning(NamedTuple):
    """Of some of AWS's error codes: why, and the fix. `after`: seconds until it may work."""

    codes: str
    why: str
    fix: str
    after: float | None = None


MEANINGS = (
    Meaning(
        "ResourceNotFoundException",
        "there is no such table in {region}",
        "In Terraform: `terraform apply` makes the table; AWS_DEFAULT_REGION and the name must be what it printed",
    ),
    Meaning(
        "ProvisionedThroughputExceededException ThrottlingException RequestLimitExceeded ThrottledException",
        "DynamoDB asks for fewer requests",
        "In AWS: look at the table's throttled requests in CloudWatch; an on-demand table grows by itself in minutes",
        1.0,
    ),
    Meaning(
        "AccessDeniedException",
        "this role may not do that with the table",
        "In Terraform: `terraform apply` gives the factory's roles their rights; run the factory under one of them",
    ),
    Meaning(
        "ExpiredTokenException ExpiredToken RequestExpired",
        "the credentials have expired",
        "In the shell: `aws sso login`, or put fresh credentials in the environment",
    ),
    Meaning(
        "UnrecognizedClientException InvalidSignatureException InvalidClientTokenId SignatureDoesNotMatch "
        "MissingAuthenticationTokenException IncompleteSignatureException IncompleteSignature AuthFailure",
        "AWS does not know the credentials",
        "In the shell: `aws sts get-caller-identity` shows whose they are; correct AWS_PROFILE or the keys",
    ),
)
LAYOUT = Meaning(
    "ValidationException",
    "the table is laid out for another release of the factory",
    "In Terraform: `terraform apply` of this release on a new table; the old table stays for the old release",
)
LAYOUT_WORDS = re.compile(
    "index|schema|key element", re.IGNORECASE
)  # DynamoDB has one code for all that it calls invalid
ELSE = Meaning("", "DynamoDB could not do it", "In AWS: the health of DynamoDB in {region} is on health.aws.amazon.com")


def _refusal(response: Any, table: str, region: str) -> StoreUnavailable | VersionConflict:
    code: str = response["Error"].get("Code", "")
    if code == "ConditionalCheckFailedException":
        return VersionConflict()
    other_layout = code == LAYOUT.codes and LAYOUT_WORDS.search(response["Error"].get("Message", ""))
    meaning = LAYOUT if other_layout else next((m for m in MEANINGS if code in m.codes.split()), ELSE)
    return StoreUnavailable(
        f"the table {table} cannot be used",
        why=f"{meaning.why.format(region=region)} ({code})",
        fix=meaning.fix.format(region=region),
        after=meaning.after,
    )


def _unreachable(error: Exception, table: str) -> StoreUnavailable:
    """No answer came, or nothing was asked."""
    kind = type(error).__name__
    fix = {
        "NoRegionError": "In the environment: set AWS_DEFAULT_REGION to the region of the table",
        "NoCredentialsError": "In the shell: `aws sso login`, or run the factory under a role that may use the table",
        "PartialCredentialsError": "In the environment: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or neither",
        "ProfileNotFound": "In the environment: set AWS_PROFILE to a profile of ~/.aws/config",
    }.get(
        kind,
        "In the environment: see that AWS_DEFAULT_REGION is right, and that the network lets the factory reach AWS",
    )
    return StoreUnavailable(f"the table {table} cannot be reached", why=f"{error} ({kind})", fix=fix)
