"""Webhook deliveries that never got through. GitHub repeats none by itself, and forgets each after three days.

docs.github.com/webhooks/using-webhooks/automatically-redelivering-failed-deliveries-for-a-repository-webhook
"""

from __future__ import annotations

from datetime import datetime

import httpx2

from adapters.providers.http_call import never
from adapters.providers.redelivery import Page, walk
from factory_core.config import FactoryConfig
from factory_core.payload import moment, number, rows, text
from factory_core.ports import Redelivered

from .client import PAGE, GithubClient, document
from .settings import GithubSettings


class GithubDeliveries:
    """The deliveries of the one hook that `github.hookId` names; without it there is nothing to ask for."""

    def __init__(self, client: GithubClient, config: FactoryConfig) -> None:
        self._client, self._hook = client, config.section("github", GithubSettings).hook_id
        self._repositories = tuple(config.repositories)
        self._home: int | None = 0 if len(self._repositories) == 1 else None  # its place among them, once it is known

    async def redeliver_failed(self, since: datetime, cursor: str, calls: int) -> Redelivered:
        """ports.Redelivery: page by page, the newest page first, in a page the longest waiting first.

        A success of an earlier call's page is not remembered, so that a delivery may be asked for which has arrived:
        it comes under its own guid, and is known. The cursor begins with the repository, by its number.
        """
        if not self._hook:
            return Redelivered(0)
        reached, _, place = cursor.partition("\n")
        home, left = await self._search(int(reached) if reached.isdecimal() else 0, calls)
        if self._home is None:
            return Redelivered(0, f"{home}\n{place}")
        repository, arrived = self._repositories[home], set[str]()
        done = await walk(
            lambda page: self._failed(repository, since, page, arrived),
            lambda delivery_id: self.redeliver(repository, int(delivery_id)),
            place,
            max(left, 2),
        )
        return done._replace(cursor=f"{home}\n{done.cursor}" if done.cursor else "")

    async def redeliver(self, repository: str, delivery_id: int) -> None:
        """Ask GitHub to send it once more, under the same guid."""
        await self._client.call("POST", f"{self._path(repository)}/{delivery_id}/attempts")

    async def _search(self, reached: int, calls: int) -> tuple[int, int]:
        """For the repository that has the hook: its id alone does not say, and the others do not know it.

        How far we came, and the calls that are left; it is asked for once in a process.
        """
        while self._home is None and calls:
            if reached >= len(self._repositories):
                why = f"no repository of the configuration has hook {self._hook}"
                fix = "In factory.config.yaml: correct github.hookId"
                raise never("GitHub", "failed deliveries cannot be listed", why, fix)
            calls -= 1
            if await self._client.read(self._path(self._repositories[reached]), per_page=1) is None:
                reached += 1
            else:
                self._home = reached
        return (reached if self._home is None else self._home), calls

    async def _failed(self, repository: str, since: datetime, page: str, arrived: set[str]) -> Page:
        """A page's deliveries whose every attempt failed, each by its newest, and the cursor of the page after it.

        All are listed: `status=failure` leaves out what never got an answer (time-outs, refused connections). Only the
        cursor is taken from GitHub's link: it does not say where the token goes. Ids exceed 2^53: never a float.
        """
        asked: dict[str, object] = {"per_page": PAGE, **({"cursor": page} if page else {})}
        answer = await self._client.call("GET", self._path(repository), params=asked)
        newest: dict[str, int] = {}
        following = httpx2.URL(answer.links.get("next", {}).get("url", "")).params.get("cursor") or ""
        for row in rows({"attempts": document(answer)}, "attempts"):
            delivery_id, guid, when = number(row, "id"), text(row, "guid"), moment(row, "delivered_at")
            if when and when < since:
                following = ""
                break
            if 200 <= (number(row, "status_code") or 0) < 400:
                arrived.add(guid)
            elif delivery_id is not None and guid and when:
                newest.setdefault(guid, delivery_id)  # newest come first
        return Page([str(one) for guid, one in newest.items() if guid not in arrived], following)

    def _path(self, repository: str) -> str:
        return f"/repos/{repository}/hooks/{self._hook}/deliveries"
