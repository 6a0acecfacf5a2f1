"""A function's rights are the calls that its code makes, neither more nor fewer; and the table is one and the same."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import grimp
import hcl2
import pytest
from botocore import xform_name
from botocore.session import get_session

from adapters.aws.deployment import Deployment, deployment_of
from adapters.aws.metrics import METRICS, NAMESPACE
from adapters.aws.table import EXPIRES, definition
from infra.aws_package import HANDLERS, SERVICES

from .conftest import MODULES, ROOT

MODULE = MODULES["aws"]
FUNCTIONS = sorted(path.stem for path in (ROOT / "adapters/aws/handlers").glob("[a-z]*.py"))
PLAIN = hcl2.SerializationOptions(with_comments=False, strip_string_quotes=True, explicit_blocks=False)
NOT_CALLED = {"create_table"}  # adapters/aws/table.py, for tests and emulators
NOUNS = {
    "dynamodb": "table",
    "ssm": "config",
    "secretsmanager": "secrets",
    "sqs": "dead_effects",
    "ecs": "tasks",
    "cloudwatch": "metrics",
}
RUNS = {"adapters.aws.run_messages", "adapters.aws.run_claims"}  # whose queue is another
PLATFORM = {
    "performer": {
        "stream": {"DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"},
        "dead_effects": {"SendMessage"},
        "starts": {"PassRole"},
    },
    "check_in": {"starts": {"PassRole"}},
}
"""What AWS's own documentation wants of a role: https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html, and
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/security_iam_id-based-policy-examples.html"""


def test_the_functions_are_the_handlers() -> None:
    assert sorted(_local("functions.tf", "every_function")) == FUNCTIONS


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_may_do_what_its_code_does_and_nothing_else(function: str) -> None:
    granted = _local("permissions.tf", "everyone") | _local("permissions.tf", "own")[function]
    assert {noun: set(actions) for noun, actions in granted.items()} == _called(function)


def test_lambda_itself_may_read_the_stream_and_bury_what_fails() -> None:
    granted = _local("permissions.tf", "platform")
    wanted = {name: _spelt(PLATFORM.get(name, {})) for name in FUNCTIONS}
    assert {
        name: {noun: set(actions) for noun, actions in rights.items()} for name, rights in granted.items()
    } == wanted


def test_a_right_reaches_what_it_is_for_and_no_further() -> None:
    reach = _local("permissions.tf", "reach")
    assert reach == {
        "table": ["${aws_dynamodb_table.factory.arn}", "${aws_dynamodb_table.factory.arn}/index/due"],
        "stream": ["${aws_dynamodb_table.factory.stream_arn}"],
        "dead_effects": ['${aws_sqs_queue.dead["effects"].arn}'],
        "runs": "${[for queue in aws_sqs_queue.runs : queue.arn]}",
        "tasks": '${[for definition in aws_ecs_task_definition.agent : "${definition.arn_without_revision}:*"]}',
        "starts": "${[for role in aws_iam_role.task : role.arn]}",
        "config": "${[for parameter in aws_ssm_parameter.tenant : parameter.arn]}",
        "secrets": "${[for secret in aws_secretsmanager_secret.tenant : secret.arn]}",
        "metrics": ["*"],
    }


def test_the_package_knows_the_services_that_are_called() -> None:
    """The others' data is left out of botocore."""
    named = {word for tree in _trees(_modules(*FUNCTIONS)) for word in _words(tree)}
    assert named & set(get_session().get_available_services()) == set(SERVICES)


def test_the_table_is_the_one_that_the_store_was_tested_on() -> None:
    [resource] = _parsed("table.tf")["resource"]
    made, wanted = resource["aws_dynamodb_table"]["factory"], definition("any")
    index = made["global_secondary_index"][0]
    keys = [
        {"AttributeName": made[key], "KeyType": kind} for key, kind in (("hash_key", "HASH"), ("range_key", "RANGE"))
    ]
    assert made["billing_mode"] == wanted["BillingMode"]
    assert keys == wanted["KeySchema"]
    assert [{"AttributeName": one["name"], "AttributeType": one["type"]} for one in made["attribute"]] == wanted[
        "AttributeDefinitions"
    ]
    assert [
        {
            "IndexName": index["name"],
            "KeySchema": [
                {"AttributeName": index["hash_key"], "KeyType": "HASH"},
                {"AttributeName": index["range_key"], "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": index["projection_type"]},
        }
    ] == wanted["GlobalSecondaryIndexes"]
    assert made["ttl"][0]["attribute_name"] == EXPIRES


def test_the_functions_find_their_factory_by_the_names_they_are_given() -> None:
    [resource] = _parsed("functions.tf")["resource"]
    given = resource["aws_lambda_function"]["factory"]["environment"][0]["variables"]
    found = deployment_of({name: name for name in given})
    assert found == Deployment(
        *(f"FACTORY_{name}" for name in ("NAME", "TABLE", "DEAD_EFFECTS", "RUNS", "TASKS", "API"))
    )
    resources = [_parsed(file)["resource"][0] for file in ("configuration.tf", "secrets.tf")]
    named = {kind: made["tenant"]["name"] for resource in resources for kind, made in resource.items()}
    assert named == {
        "aws_ssm_parameter": found._replace(name="${var.name}").parameter("${each.key}"),
        "aws_secretsmanager_secret": found._replace(name="${var.name}").secret("${each.key}"),
    }


def test_the_alarms_listen_to_metrics_that_are_said() -> None:
    own = [alarm for alarm in _text("alarms.tf") if "local.metrics, metric" in alarm]
    assert [re.findall(r'metric = "(\w+)"', alarm) for alarm in own] == [["OldestWaitingEffect"]]
    assert "OldestWaitingEffect" in METRICS
    assert _local("alarms.tf", "metrics") == NAMESPACE


def _called(function: str) -> dict[str, set[str]]:
    """Noun to actions: each of a client's methods that the function's modules of adapters/aws name."""
    called: dict[str, set[str]] = defaultdict(set)
    for module in _modules(function):
        words = {word for tree in _trees({module}) for word in _words(tree)} - NOT_CALLED
        for service in SERVICES:
            noun, methods = "runs" if module in RUNS else NOUNS[service], _methods(service)
            called[noun] |= {f"{service}:{methods[word]}" for word in words & set(methods)}
    return {noun: actions for noun, actions in called.items() if actions}


@cache
def _methods(service: str) -> dict[str, str]:
    """A client's method to its operation, which is IAM's action. BatchGetItem and the like are named alike too."""
    operations = get_session().get_service_model(service).operation_names
    return {xform_name(operation): operation for operation in operations}


@cache
def _graph() -> Any:
    return grimp.build_graph("adapters", "factory_core", exclude_type_checking_imports=True, cache_dir=None)


def _modules(*functions: str) -> set[str]:
    handlers = {f"{HANDLERS}.{function}" for function in functions}
    reached = handlers.union(*(_graph().find_upstream_modules(handler) for handler in handlers))
    return {module for module in reached if module.startswith("adapters.aws")}


def _trees(modules: set[str]) -> Iterator[ast.Module]:
    return (ast.parse(Path(ROOT, *module.split(".")).with_suffix(".py").read_text()) for module in modules)


def _words(tree: ast.Module) -> Iterator[str]:
    """What could name a method or a service: called attributes, and the first argument of a call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                yield node.func.attr
            yield from (
                word.value for word in node.args if isinstance(word, ast.Constant) and isinstance(word.value, str)
            )


def _spelt(rights: dict[str, set[str]]) -> dict[str, set[str]]:
    prefix = {"stream": "dynamodb", "dead_effects": "sqs", "starts": "iam"}
    return {noun: {f"{prefix[noun]}:{action}" for action in actions} for noun, actions in rights.items()}


def _text(file: str) -> list[str]:
    return (MODULE / file).read_text().splitlines()


def _local(file: str, name: str) -> Any:
    return next(block[name] for block in _parsed(file)["locals"] if name in block)


def _parsed(file: str) -> Any:
    return hcl2.loads((MODULE / file).read_text(), serialization_options=PLAIN)
