"""A tenant's secrets from Secrets Manager. A list is a secret that is being changed: the first speaks, each counts."""

from __future__ import annotations

import asyncio
from typing import Any

from factory_core.errors import NeedsPerson
from factory_core.payload import parse

from ..credentials.secrets import Secrets, Values
from .clients import in_our_words
from .deployment import Deployment


class NoSecrets(NeedsPerson):
    """The secret is not there, or is not the JSON that it must be; what it holds is never shown."""

    code = "E-AWS-SECRET"

    def __init__(self, name: str, why: str) -> None:
        put = f"run aws secretsmanager put-secret-value --secret-id {name} --secret-string file://secrets.json"
        super().__init__(f"the secret {name} cannot be used", why=why, fix=f"In the shell: {put}", see="docs/aws.md")


def read_secrets(client: Any, deployment: Deployment, tenant: str) -> str:
    """The secret's text as it stands. Raise NoSecrets when there is none, Retryable when it cannot be asked."""
    name = deployment.secret(tenant)
    with in_our_words(f"the secret {name} cannot be read"):
        try:
            found = client.get_secret_value(SecretId=name)
        except client.exceptions.ResourceNotFoundException:
            raise NoSecrets(name, "nobody has put a value in") from None
    if "SecretString" not in found:
        raise NoSecrets(name, "its value was put in as bytes, and must be text")
    text: str = found["SecretString"]
    return text


def secrets_of(text: str, name: str) -> Secrets:
    """Raise NoSecrets unless it is an object of names to texts, or to lists of texts."""
    return Secrets(_values(text, name))


def secrets_kept(text: str, client: Any, deployment: Deployment, tenant: str) -> Secrets:
    """The same, for a process that lives on: they are read again when a vendor refuses a token. Raises NoSecrets."""
    name = deployment.secret(tenant)

    async def kept() -> Values:
        return (_values(await asyncio.to_thread(read_secrets, client, deployment, tenant), name),)

    return Secrets(_values(text, name), kept=kept)


def _values(text: str, name: str) -> dict[str, str]:
    try:
        return {known: _value(value) for known, value in parse(text).items()}
    except (ValueError, AttributeError, TypeError):
        raise NoSecrets(name, "it is no JSON object of names to texts, or to lists of texts") from None


def _value(value: Any) -> str:
    return value if isinstance(value, str) else ",".join(value)
