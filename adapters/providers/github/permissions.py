"""Who may write to a repository. Asked of GitHub for each person, and remembered for minutes.

docs.github.com/rest/collaborators/collaborators#get-repository-permissions-for-a-user: `maintain` is shown as `write`
in the older field, and a role of an organisation's own under its own name in the newer one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from factory_core.dispatch.pull_request import Standing
from factory_core.errors import Terminal
from factory_core.payload import text, truth

from .client import GithubClient
from .together import together

KEEP = timedelta(minutes=5)
MOST_PEOPLE = 20  # asked about at one read; the others are not known
MOST_KEPT = 2_000
WRITES = frozenset({"admin", "maintain", "write"})


class Permissions:
    """The answers of one client, each kept for five minutes."""

    def __init__(self, client: GithubClient) -> None:
        self._client = client
        self._known: dict[tuple[str, str], tuple[datetime, Standing]] = {}

    async def standings(self, repository: str, people: Mapping[str, str]) -> dict[str, Standing]:
        """By login in lower case. `people` maps logins to the label that GitHub gives them (author_association)."""
        asked = list(people.items())[:MOST_PEOPLE]
        found = await together(*(self._standing(repository, login, label) for login, label in asked))
        return {login.casefold(): standing for (login, _), standing in zip(asked, found, strict=True)}

    async def _standing(self, repository: str, login: str, label: str) -> Standing:
        key, now = (repository.casefold(), login.casefold()), self._client.clock()
        known = self._known.get(key)
        if known and now - known[0] < KEEP:
            return known[1]
        standing = await self._ask(repository, login, label)
        if len(self._known) >= MOST_KEPT:
            self._known.clear()
        self._known[key] = (now, standing)
        return standing

    async def _ask(self, repository: str, login: str, label: str) -> Standing:
        """A token without push access is refused an answer (403), and then nothing is known of anybody.

        404 comes from a host that has no such question, while the repository is there: of such a host its label is all
        there is, and it counts for those whom it calls members. GitHub itself answers the question for every account.
        """
        try:
            answer = await self._client.read(f"/repos/{repository}/collaborators/{quote(login, safe='')}/permission")
        except Terminal:
            return "unknown"
        if answer is None:
            return "writer" if label in {"OWNER", "MEMBER", "COLLABORATOR"} else "unknown"
        return _standing_of(answer)


def _standing_of(answer: Any) -> Standing:
    said = {text(answer, "permission"), text(answer, "role_name")} - {""}
    if said & WRITES or truth(answer, "user", "permissions", "push"):
        return "writer"
    return "outsider" if said else "unknown"
