"""How git signs in at the code host: with today's token, at that one host and nowhere else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from adapters.providers.credential import Credential

from .git import Headers, for_host, may_sign_in

T = TypeVar("T")
Work = Callable[[Headers], Awaitable[T]]
"""Is given the headers with which git signs in; raises ConnectionLost when the host refuses them."""


class SignIn(Protocol):
    """Where git's credential comes from."""

    @property
    def in_doubt(self) -> bool:
        """Was the credential refused the last time that anybody used it?"""
        ...

    def vendor(self, clone_url: str) -> str:
        """Whose credential is used there; empty when it is nobody's."""
        ...

    async def signed_in(self, clone_url: str, work: Work[T]) -> T:
        """What `work` gives. Raises ConnectionLost when no credential is accepted."""
        ...


class CodeHost:
    """SignIn for the host at `url`, with the token of its API."""

    def __init__(self, url: str, credential: Credential) -> None:
        self._url, self._credential = url, credential

    @property
    def in_doubt(self) -> bool:
        return self._credential.in_doubt

    def vendor(self, clone_url: str) -> str:
        return self._credential.provider if may_sign_in(self._url, clone_url) else ""

    async def signed_in(self, clone_url: str, work: Work[T]) -> T:
        if not self.vendor(clone_url):
            return await work({})
        return await self._credential.authorized(lambda token: work(for_host(self._url, token)(clone_url)))


class Unwatched:
    """SignIn by what a function gives for an address; a refusal is final."""

    in_doubt = False

    def __init__(self, credentials: Callable[[str], Headers]) -> None:
        self._credentials = credentials

    def vendor(self, clone_url: str) -> str:
        return ""

    async def signed_in(self, clone_url: str, work: Work[T]) -> T:
        return await work(self._credentials(clone_url))
