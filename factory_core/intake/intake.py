"""①② A webhook becomes events, and what they mean is saved before the sender gets its answer."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from ..config import FactoryConfig
from ..connections import ProviderConnection
from ..dispatch.events import Event
from ..errors import BadSignature, ConnectionLost, NotFound, Problem
from ..http import HttpRequest, HttpResponse, problem_response, refuse_large, unknown_sender
from ..performing.event_recorder import EventRecorder
from ..ports import Inbound, PointerReader, Webhook
from ..settings import VendorSettings

logger = logging.getLogger("factory.intake")


class VendorContact(NamedTuple):
    """What this process knows of one vendor: its last signed event, our last good call, its last refused event."""

    at: datetime | None = None
    answered_at: datetime | None = None
    refused_at: datetime | None = None
    why: str = ""


class Intake:
    """Of one tenant. `reader` reads what a relay's events only point at."""

    def __init__(
        self, recorder: EventRecorder, webhooks: Mapping[str, Webhook], reader: PointerReader | None = None
    ) -> None:
        self._recorder, self._webhooks, self._reader = recorder, webhooks, reader
        self.contacts: dict[str, VendorContact] = {}
        self.refusals = Counter[tuple[str, str]]()  # webhooks by provider and by why: an error's code, or a word
        self.organisations = configured_organisations(recorder.config)

    async def handle_webhook(self, provider: str, request: HttpRequest) -> HttpResponse:
        """Verify, decide, save; the effects come later. 2xx only after everything in it is durably recorded.

        One that could not be recorded is not repeated by every sender.
        """
        try:
            response = await self._handled(provider, request)
        except Exception:
            self._recorder.gaps.note(f"a webhook of {provider} met a fault of the factory's own", request.received_at)
            raise
        if response.status >= 500:
            self._recorder.gaps.note(f"a webhook of {provider} could not be stored", request.received_at)
        else:
            await self._recorder.gaps.save()
        return response

    async def _handled(self, provider: str, request: HttpRequest) -> HttpResponse:
        try:
            inbound = self._read(provider, request)
            said = {"action": "webhook", "provider": provider, "delivery": inbound.delivery_id, "what": inbound.what}
            if self._is_foreign(provider, inbound.organisation):
                self.refusals[provider, "another-organisation"] += 1
                why = f"it is of organisation {inbound.organisation}, and this factory works for"
                logger.warning(
                    "%s %s refused: %s %s", provider, inbound.what, why, self.organisations[provider], extra=said
                )
                return HttpResponse(body=b'{"ok": true, "ignored": "another organisation"}')
            if inbound.ignored:
                self.refusals[provider, "ignored"] += 1
                said = {**said, "action": "refused"}
                logger.warning("%s %s refused: %s", provider, inbound.what, inbound.ignored, extra=said)
                return HttpResponse(body=json.dumps({"ok": True, "ignored": inbound.ignored}).encode())
            if inbound.notice:
                logger.warning("%s: %s", provider, inbound.notice, extra=said)
            logger.info("%s %s", provider, inbound.what, extra=said)
            if inbound.lost:
                await self._recorder.connections.lost(provider, inbound.lost)
            for event in [*inbound.events, *await self._behind_pointers(inbound)]:
                await self._recorder.accept(
                    event.model_copy(update={"at": request.received_at})
                )  # deadlines count from here
        except ConnectionLost as problem:  # what it points at cannot be read now; its sender comes again
            await self._recorder.connections.lost(problem.provider, problem.why)
            return problem_response(problem)
        except (BadSignature, NotFound) as problem:
            self._note_refusal(provider, problem)
            return unknown_sender()
        except Problem as problem:
            self._note_refusal(provider, problem)
            return problem_response(problem)
        self.contacts[provider] = self.contacts.get(provider, VendorContact())._replace(at=request.received_at)
        return inbound.response or HttpResponse(body=b'{"ok": true}')

    def connected_as(self, connections: Iterable[ProviderConnection]) -> None:
        """Learn from checked connections for which organisation each vendor's credential is."""
        for one in connections:
            if one.organisation:
                self.organisations[one.provider] = self.organisations.get(one.provider) or one.organisation

    def answered(self, provider: str) -> None:
        """The host says that a call to this vendor went well."""
        self.contacts[provider] = self.contacts.get(provider, VendorContact())._replace(
            answered_at=self._recorder.clock()
        )

    def _read(self, provider: str, request: HttpRequest) -> Inbound:
        webhook = self._webhooks.get(provider)
        if webhook is None:
            known = ", ".join(sorted(self._webhooks))
            raise NotFound(
                f"no webhooks of {provider!r} here", why=f"this factory takes those of {known}", fix="factory check"
            )
        refuse_large(len(request.body))
        return webhook.events_in(request)

    async def _behind_pointers(self, inbound: Inbound) -> list[Event]:
        if self._reader is None:
            return []
        return [event for pointer in inbound.pointers for event in await self._reader.read(pointer)]

    def _is_foreign(self, provider: str, organisation: str) -> bool:
        """One app's secret signs for every organisation that installed it; only one of them is ours."""
        ours = self.organisations.get(provider)
        return bool(ours and organisation and organisation != ours)

    def _note_refusal(self, provider: str, problem: Problem) -> None:
        logger.warning("%s refused: %s: %s", provider, problem.what, problem.why, extra={"action": "refused"})
        self.refusals[provider if provider in self._webhooks else "unknown", problem.code] += 1
        if provider in self._webhooks:
            before = self.contacts.get(provider, VendorContact())
            self.contacts[provider] = before._replace(
                refused_at=self._recorder.clock(), why=f"{problem.what}: {problem.why}"
            )


def configured_organisations(config: FactoryConfig) -> dict[str, str]:
    """Provider → the organisation that its section names; empty where it names none."""
    return {name: config.section(name, VendorSettings).organisation_id() for name in config.providers()}
