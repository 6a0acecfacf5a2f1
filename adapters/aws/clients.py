"""The services beside the table: a client each, made when it is first needed, and their errors in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from factory_core.errors import Retryable


class Clients:
    """Region, credentials and endpoints are the environment's, as for every AWS program."""

    @cached_property
    def ssm(self) -> Any:
        return self._made("ssm")

    @cached_property
    def secretsmanager(self) -> Any:
        return self._made("secretsmanager")

    @cached_property
    def sqs(self) -> Any:
        return self._made("sqs")

    @cached_property
    def ecs(self) -> Any:
        return self._made("ecs")

    @cached_property
    def cloudwatch(self) -> Any:
        return self._made("cloudwatch")

    @cached_property
    def _session(self) -> Any:
        from boto3.session import Session

        return Session()

    def _made(self, service: str) -> Any:
        from botocore.config import Config

        patience = Config(connect_timeout=1, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
        return self._session.client(service, config=patience)


@contextmanager
def in_our_words(what: str) -> Iterator[None]:
    """Raise Retryable for what AWS refused or did not answer; errors with a meaning are to be caught inside."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        said = error.response.get("Error", {})
        why = f"{said.get('Code', 'no code')}: {said.get('Message', '')}"
        raise Retryable(what, why=why, fix="factory deploy aws --dry-run") from None
    except BotoCoreError as error:
        raise Retryable(what, why=str(error), fix="factory deploy aws --dry-run") from None
