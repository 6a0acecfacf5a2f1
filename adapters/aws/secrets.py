"""A tenant's secrets from Secrets Manager. A list is a secret that is being changed: the first speaks, each counts."""

from __future__ import annotations

from typing import Any

from factory_core.errors import NeedsPerson
from factory_core.intake.payload import parse

from ..credentials import Secrets
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
    try:
        given = parse(text)
        return Secrets({known: _value(value) for known, value in given.items()})
    except (ValueError, AttributeError, TypeError):
        raise NoSecrets(name, "it is no JSON object of names to texts, or to lists of texts") from None


def _value(value: Any) -> str:
    return value if isinstance(value, str) else ",".join(value)
