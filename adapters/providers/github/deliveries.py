"""Webhook deliveries that never got through. GitHub repeats none by itself, and forgets each after three days.

docs.github.com/webhooks/using-webhooks/automatically-redelivering-failed-deliveries-for-a-repository-webhook
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime

import httpx2

from adapters.providers.door import never
from factory_core.config import FactoryConfig
from factory_core.errors import Terminal
from factory_core.intake.payload import moment, number, rows, text
from factory_core.ports import Redelivered
from factory_core.work_item import Frozen

from .client import PAGE, GithubClient, document

MOST_PAGES = 200  # 20,000 attempts: far more than three days hold


class FailedDelivery(Frozen):
    """The newest attempt of a delivery that had no success. Ids exceed 2^53: never a float."""

    id: int
    guid: str
    at: datetime


class GithubDeliveries:
    """The deliveries of the one hook that `github.hookId` names; without it there is nothing to ask for."""

    def __init__(self, client: GithubClient, config: FactoryConfig) -> None:
        self._client, self._hook = client, config.github.hook_id
        self._repositories = tuple(config.repositories)

    async def redeliver_failed(self, since: datetime, calls: int) -> Redelivered:
        """ports.Redelivery: half of the calls may go to the list; what lies beyond them is too old to wait for."""
        if not self._hook:
            return Redelivered(0, True)
        home, pages = await self._home(), max(1, calls // 2)
        failed = await self.failed_deliveries(home, since, pages)
        asked = failed[: max(1, calls - pages)]
        for delivery in asked:
            with contextlib.suppress(Terminal):  # GitHub has forgotten it meanwhile
                await self.redeliver(home, delivery.id)
        return Redelivered(len(asked), len(asked) == len(failed))

    async def failed_deliveries(
        self, repository: str, since: datetime, pages: int = MOST_PAGES
    ) -> tuple[FailedDelivery, ...]:
        """Those since then whose every attempt failed, oldest first.

        The whole list is read: `status=failure` leaves out what never got an answer (time-outs, refused connections).
        """
        newest: dict[str, FailedDelivery] = {}
        arrived: set[str] = set()
        async for row in self._since(repository, since, pages):
            delivery_id, guid, when = number(row, "id"), text(row, "guid"), moment(row, "delivered_at")
            if 200 <= (number(row, "status_code") or 0) < 400:
                arrived.add(guid)
            elif delivery_id is not None and guid and when:
                newest.setdefault(guid, FailedDelivery(id=delivery_id, guid=guid, at=when))  # newest come first
        return tuple(reversed([failed for guid, failed in newest.items() if guid not in arrived]))

    async def redeliver(self, repository: str, delivery_id: int) -> None:
        """Ask GitHub to send it once more, under the same guid."""
        await self._client.call("POST", f"{self._path(repository)}/{delivery_id}/attempts")

    async def _home(self) -> str:
        """The repository that has the hook: its id alone does not say, and the others do not know it."""
        for repository in self._repositories if len(self._repositories) > 1 else ():
            if await self._client.read(self._path(repository), per_page=1) is not None:
                self._repositories = (repository,)
        if len(self._repositories) == 1:
            return self._repositories[0]
        why, fix = (
            f"no repository of the configuration has hook {self._hook}",
            "In factory.config.yaml: correct github.hookId",
        )
        raise never("GitHub", "failed deliveries cannot be listed", why, fix)

    async def _since(self, repository: str, since: datetime, pages: int) -> AsyncIterator[object]:
        """Attempts, newest first. Only the cursor is taken from GitHub's link: it does not say where the token goes."""
        asked: dict[str, object] = {"per_page": PAGE}
        for _ in range(pages if self._hook else 0):
            answer = await self._client.call("GET", self._path(repository), params=asked)
            for row in rows({"attempts": document(answer)}, "attempts"):
                when = moment(row, "delivered_at")
                if when and when < since:
                    return
                yield row
            cursor = httpx2.URL(answer.links.get("next", {}).get("url", "")).params.get("cursor")
            if not cursor:
                return
            asked["cursor"] = cursor

    def _path(self, repository: str) -> str:
        return f"/repos/{repository}/hooks/{self._hook}/deliveries"
