"""Secrets and configurations are read anew a minute later; two values count while one is being changed."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.aws.clients import Clients
from adapters.aws.deployment import Deployment
from adapters.aws.secrets import NoSecrets, secrets_of
from adapters.aws.tenants import Tenants
from adapters.aws.ttl_cache import TtlCache
from adapters.credentials.secrets import MissingSecrets
from adapters.registry import VENDORS
from factory_core.errors import ConfigProblem, NotFound, Problem, Retryable
from factory_core.http import HttpRequest, HttpResponse
from factory_sandbox.registry import SIGN
from factory_sandbox.signing import Attempt

pytestmark = pytest.mark.pure
CONFIG = {
    "intentProvider": "linear", "clarificationChannel": "slack", "outputTarget": "github",
    "agents": {"fleet": "workers"},
}  # fmt: skip
OLD, NEW = "the-secret-of-before", "the-secret-of-today"
SECRETS = {
    "LINEAR_WEBHOOK_SECRET": OLD, "SLACK_SIGNING_SECRET": "s" * 16, "GITHUB_WEBHOOK_SECRET": "g" * 16,
    "FACTORY_WORKER_TOKEN": "w" * 16,
}  # fmt: skip
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NAME, BYTES = "factory/test/acme", "as bytes"
PARAMETER = "/factory/test/tenants/acme/config"


class Gone(Exception):
    """What the vendor's client calls a thing that is not there."""


class Vault(Clients):
    """SSM and Secrets Manager in a dict, and how often they were asked."""

    def __init__(self) -> None:
        self.kept = {PARAMETER: json.dumps(CONFIG), NAME: json.dumps(SECRETS)}
        self.asked = 0

    @property
    def ssm(self) -> Any:  # type: ignore[override]
        return self

    secretsmanager = ssm  # type: ignore[assignment]

    class exceptions:
        ResourceNotFoundException = ParameterNotFound = Gone

    def get_parameter(self, Name: str, WithDecryption: bool) -> Any:
        return {"Parameter": {"Value": self._get(Name)}}

    def get_secret_value(self, SecretId: str) -> Any:
        text = self._get(SecretId)
        return {"SecretBinary": b"s3cr3t"} if text == BYTES else {"SecretString": text}

    def _get(self, name: str) -> str:
        self.asked += 1
        if name not in self.kept:
            raise Gone
        return self.kept[name]


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def tenants() -> tuple[Tenants, Vault, Clock]:
    vault, clock = Vault(), Clock()
    return Tenants(Deployment("test", "table"), vault, "aws-1", clock), vault, clock


async def heard(tenants: Tenants, secret: str) -> int:
    """The status that a webhook signed with this secret gets; one of a kind that means nothing to us."""
    stamp = round(NOW.timestamp() * 1000)
    body = json.dumps({"action": "create", "type": "Reaction", "webhookTimestamp": stamp}).encode()
    signed = SIGN["linear"](secret, Attempt("d", "Reaction", body, NOW))
    headers = {name.lower(): value for name, value in signed.items()}
    request = HttpRequest(headers=headers, body=body, received_at=NOW)
    said: HttpResponse = await (await tenants("acme")).intake.handle_webhook("linear", request)
    return said.status


def test_a_secret_is_changed_without_a_restart_and_without_a_gap() -> None:
    """First the new one beside the old, then at the vendor, then the old one goes."""

    async def played() -> list[int]:
        known, vault, clock = tenants()
        statuses = [await heard(known, OLD), await heard(known, NEW)]
        for value in ([NEW, OLD], NEW):
            vault.kept[NAME] = json.dumps(SECRETS | {"LINEAR_WEBHOOK_SECRET": value})
            clock.now += timedelta(seconds=61)
            statuses += [await heard(known, OLD), await heard(known, NEW)]
        return statuses

    assert asyncio.run(played()) == [200, 401, 200, 200, 401, 200]


def test_within_a_minute_nobody_is_asked_again() -> None:
    async def played() -> tuple[int, bool]:
        known, vault, clock = tenants()
        first = await known("acme")
        clock.now += timedelta(seconds=59)
        again = await known("acme")
        return vault.asked, first is again

    assert asyncio.run(played()) == (2, True)


def test_while_the_source_is_away_its_last_answer_stands() -> None:
    answers: list[Any] = ["first", Retryable("away", why="-", fix="factory check"), "second"]

    async def read(name: str) -> str:
        answer = answers.pop(0)
        if isinstance(answer, Problem):
            raise answer
        return str(answer)

    async def played() -> list[str]:
        clock = Clock()
        remembered, told = TtlCache(read, clock), list[str]()
        for _ in range(3):
            told.append(await remembered("x"))
            clock.now += timedelta(seconds=61)
        return told

    assert asyncio.run(played()) == ["first", "first", "second"]


@pytest.mark.parametrize("text", ["", "[]", "x", '{"A": 1}', '{"A": [1]}', '{"A": null}', '"s3cr3t"'])
def test_what_is_no_secret_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(NoSecrets) as refused:
        secrets_of(text, NAME)
    assert "s3cr3t" not in f"{refused.value} {refused.value.why} {refused.value.fix}"


def test_the_first_of_several_speaks() -> None:
    found = secrets_of('{"GITHUB_TOKEN": ["new", "old"]}', NAME)
    assert (found.find(VENDORS["github"].token), found.several(VENDORS["github"].token)) == ("new", ("new", "old"))


INCOMPLETE = pytest.mark.parametrize(
    ("key", "text", "kind"),
    [
        (PARAMETER, None, NotFound),
        (PARAMETER, json.dumps(CONFIG | {"tenant": "other"}), ConfigProblem),
        (PARAMETER, json.dumps(CONFIG | {"agents": {"fleet": "local"}}), ConfigProblem),
        (PARAMETER, json.dumps(CONFIG | {"runner": {"lease": "20m", "effectTimeout": "5m"}}), ConfigProblem),
        (NAME, None, NoSecrets),
        (NAME, "{}", MissingSecrets),
        (NAME, BYTES, NoSecrets),
    ],
)


def spoilt(key: str, text: str | None) -> Tenants:
    known, vault, _ = tenants()
    del vault.kept[key]
    if text is not None:
        vault.kept[key] = text
    return known


@INCOMPLETE
def test_a_tenant_that_is_incomplete_is_not_served(key: str, text: str | None, kind: type[Problem]) -> None:
    with pytest.raises(kind):
        asyncio.run(spoilt(key, text)("acme"))


@INCOMPLETE
def test_who_is_at_the_door_comes_again_and_learns_nothing(key: str, text: str | None, kind: type[Problem]) -> None:
    """A 4xx would end a sender's tries: what is wrong with a tenant is not the sender's fault, nor its business."""
    with pytest.raises(Problem) as refused:
        asyncio.run(spoilt(key, text).at_the_door("acme"))
    assert refused.value.http_status == (404 if kind is NotFound else 503)
    said = json.dumps(refused.value.document())
    assert not [word for word in (NAME, PARAMETER, "SECRET", "agents", "runner") if word in said]


def test_one_names_slow_source_holds_up_no_other() -> None:
    async def played() -> list[str]:
        slow, answered = asyncio.Event(), list[str]()

        async def read(name: str) -> str:
            if name == "slow":
                await slow.wait()
            answered.append(name)
            return name

        remembered = TtlCache(read, Clock())
        twice = [asyncio.create_task(remembered("slow")) for _ in range(2)]
        await asyncio.sleep(0)
        await asyncio.wait_for(remembered("quick"), 5)
        slow.set()
        await asyncio.gather(*twice)
        return answered

    assert asyncio.run(played()) == ["quick", "slow"]
