"""The one table as data: what infra/ declares, what tests make, and what the store's requests count on.

pk      sk           what
tenant  item#<id>    a record: version, state, body; while it waits: moment, wake_at; while work is due: work
tenant  alias#<name> another name of a record: item, its id
tenant  thread#<id>  a clarification: version, body, deadline, expires_at
tenant  batch        the batch: version, body
tenant#runs  …       runs and workers: dynamo_run_queue says how
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import CreateTableInputTypeDef

INDEX = "due"  # a later layout names its index otherwise, so that no release takes another's table for its own
EXPIRES = "expires_at"  # seconds since 1970; DynamoDB sweeps what is past it within days, so readers look at `deadline`


def definition(name: str) -> CreateTableInputTypeDef:
    """The arguments of CreateTable; times to live are switched on apart from it."""
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
            {"AttributeName": "wake_at", "AttributeType": "N"},
        ],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": INDEX,
                "KeySchema": [
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "wake_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    }


def create_table(client: DynamoDBClient, name: str) -> None:
    """Make the table and wait for it: for tests and emulators. On AWS, infra/ makes it, with its stream and backups."""
    client.create_table(**definition(name))
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
