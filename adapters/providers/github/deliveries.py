"""Webhook deliveries that never got through. GitHub repeats none by itself, and forgets each after three days.

docs.github.com/webhooks/using-webhooks/automatically-redelivering-failed-deliveries-for-a-repository-webhook
"""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import NamedTuple

import httpx2

from adapters.providers.door import never
from factory_core.config import FactoryConfig
from factory_core.errors import Terminal
from factory_core.intake.payload import moment, number, rows, text
from factory_core.ports import Redelivered
from factory_core.work_item import Frozen

from .client import PAGE, GithubClient, document


class FailedDelivery(Frozen):
    """The newest attempt of a delivery that had no success. Ids exceed 2^53: never a float."""

    id: int
    guid: str


class Place(NamedTuple):
    """How far the list was walked: GitHub's cursor of the page, and the last id in it that was asked for."""

    page: str = ""
    after: int = 0

    @classmethod
    def read(cls, cursor: str) -> Place:
        after, _, page = cursor.partition(":")
        return cls(page, int(after) if after.isdecimal() else 0)

    def __str__(self) -> str:
        return f"{self.after}:{self.page}"


class GithubDeliveries:
    """The deliveries of the one hook that `github.hookId` names; without it there is nothing to ask for."""

    def __init__(self, client: GithubClient, config: FactoryConfig) -> None:
        self._client, self._hook = client, config.github.hook_id
        self._repositories = tuple(config.repositories)

    async def redeliver_failed(self, since: datetime, cursor: str, calls: int) -> Redelivered:
        """ports.Redelivery: page by page, the newest page first, in a page the longest waiting first.

        A success of an earlier call's page is not remembered, so that a delivery may be asked for which has arrived:
        it comes under its own guid, and is known.
        """
        if not self._hook:
            return Redelivered(0)
        home, place, asked, arrived = await self._home(), Place.read(cursor), 0, set[str]()
        while calls > 1:  # one lists, another one acts
            failed, following = await self._failed(home, since, place.page, arrived)
            calls -= 1
            for delivery in (one for one in failed if one.id > place.after):
                if not calls:
                    return Redelivered(asked, str(place))
                with contextlib.suppress(Terminal):  # GitHub has forgotten it meanwhile
                    await self.redeliver(home, delivery.id)
                calls, asked, place = calls - 1, asked + 1, place._replace(after=delivery.id)
            if not following:
                return Redelivered(asked)
            place = Place(following)
        return Redelivered(asked, str(place))

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

    async def _failed(
        self, repository: str, since: datetime, page: str, arrived: set[str]
    ) -> tuple[list[FailedDelivery], str]:
        """A page's deliveries whose every attempt failed, oldest first, and the cursor of the page after it.

        All are listed: `status=failure` leaves out what never got an answer (time-outs, refused connections). Only the
        cursor is taken from GitHub's link: it does not say where the token goes.
        """
        asked: dict[str, object] = {"per_page": PAGE, **({"cursor": page} if page else {})}
        answer = await self._client.call("GET", self._path(repository), params=asked)
        newest: dict[str, FailedDelivery] = {}
        following = httpx2.URL(answer.links.get("next", {}).get("url", "")).params.get("cursor") or ""
        for row in rows({"attempts": document(answer)}, "attempts"):
            delivery_id, guid, when = number(row, "id"), text(row, "guid"), moment(row, "delivered_at")
            if when and when < since:
                following = ""
                break
            if 200 <= (number(row, "status_code") or 0) < 400:
                arrived.add(guid)
            elif delivery_id is not None and guid and when:
                newest.setdefault(guid, FailedDelivery(id=delivery_id, guid=guid))  # newest come first
        failed = [one for one in newest.values() if one.guid not in arrived]
        return sorted(failed, key=lambda one: one.id), following

    def _path(self, repository: str) -> str:
        return f"/repos/{repository}/hooks/{self._hook}/deliveries"
