"""`factory deploy aws --dry-run`: what is there, what is missing, and one clear sentence for each trouble."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.session import get_session

from adapters.aws.deployment import Deployment
from adapters.aws.dynamo_client import dynamo_client
from adapters.aws.table import definition
from factory_cli.main import run

from .emulators import moto

CONFIG = {
    "tenant": "acme", "intentProvider": "linear", "clarificationChannel": "slack", "outputTarget": "github",
    "agents": {"fleet": "workers"},
}  # fmt: skip
ALL = {
    "LINEAR_WEBHOOK_SECRET": "a" * 16, "SLACK_SIGNING_SECRET": "b" * 16, "GITHUB_WEBHOOK_SECRET": ["c" * 16, "d" * 16],
    "LINEAR_API_KEY": "e", "SLACK_BOT_TOKEN": "f", "GITHUB_TOKEN": "g", "FACTORY_WORKER_TOKEN": "h" * 16,
}  # fmt: skip
KEYS = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "test"}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with moto() as url:
        yield url


@pytest.fixture
def account(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Clients of an account that has nothing yet, and a configuration here."""
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": endpoint, "DYNAMODB_ENDPOINT": endpoint}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "factory.config.yaml").write_text(yaml.safe_dump(CONFIG))
    monkeypatch.setenv("FACTORY_CONFIG", str(tmp_path / "factory.config.yaml"))
    dynamo_client.cache_clear()
    yield lambda service: get_session().create_client(service, endpoint_url=endpoint)
    dynamo_client.cache_clear()


def said(capsys: pytest.CaptureFixture[str], name: str) -> tuple[int, dict[str, Any]]:
    code = run(["deploy", "aws", "--dry-run", "--name", name, "--json"])
    return code, json.loads(capsys.readouterr().out)


def failed(document: dict[str, Any]) -> dict[str, str]:
    return {f"{one['section']} {one['name']}": one["problem"]["why"] for one in document["looks"] if not one["ok"]}


def test_what_terraform_makes_is_listed_and_what_is_missing_is_named(
    account: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """First there is no table; then no configuration and no secrets; then some secrets; then all is well."""
    place = Deployment("one", "factory-one")
    code, first = said(capsys, "one")
    assert (code, first["resources"]["aws_dynamodb_table"]) == (1, 1)
    assert failed(first) == {"aws table": "there is no such table in us-east-1 (ResourceNotFoundException)"}
    account("dynamodb").create_table(**definition("factory-one"))
    code, second = said(capsys, "one")
    assert (code, list(failed(second))) == (1, ["acme configuration", "acme secrets"])
    account("ssm").put_parameter(Name=place.parameter("acme"), Value=json.dumps(CONFIG), Type="SecureString")
    some = json.dumps({name: value for name, value in ALL.items() if "GITHUB" not in name})
    account("secretsmanager").create_secret(Name=place.secret("acme"), SecretString=some)
    code, third = said(capsys, "one")
    assert (code, failed(third)) == (1, {"acme secrets": "it lacks GITHUB_WEBHOOK_SECRET, GITHUB_TOKEN"})
    account("secretsmanager").put_secret_value(SecretId=place.secret("acme"), SecretString=json.dumps(ALL))
    code, last = said(capsys, "one")
    assert (code, last["ok"], failed(last)) == (0, True, {})


def test_a_table_of_another_layout_is_told(account: Any, capsys: pytest.CaptureFixture[str]) -> None:
    made = definition("factory-old")
    keys = [one for one in made["AttributeDefinitions"] if one["AttributeName"] in {"pk", "sk"}]
    older = {key: value for key, value in made.items() if key != "GlobalSecondaryIndexes"}
    older["AttributeDefinitions"] = keys
    account("dynamodb").create_table(**older)
    code, document = said(capsys, "old")
    assert (code, failed(document)) == (1, {"aws table": "it is laid out for another release of the factory"})


@pytest.mark.parametrize(
    ("name", "value", "why"), [("AWS_DEFAULT_REGION", "", "region"), ("AWS_ACCESS_KEY_ID", "", "credentials")]
)
def test_without_a_region_or_keys_there_is_one_sentence(
    account: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    name: str, value: str, why: str,
) -> None:  # fmt: skip
    for one in (name, "AWS_SECRET_ACCESS_KEY") if "KEY" in name else (name,):
        monkeypatch.delenv(one)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    code, document = said(capsys, "none")
    (told,) = failed(document).values()
    assert code == 1 and why in told and "Traceback" not in told


def test_without_dry_run_it_says_which_commands_make_it(capsys: pytest.CaptureFixture[str]) -> None:
    """It never runs Terraform by itself."""
    assert run(["deploy", "aws"]) == 0
    assert "terraform apply" in capsys.readouterr().out
    assert run(["deploy", "azure"]) == 2
