"""Every problem that a person can meet is a Problem: what, why, and the fix. Three kinds say whose move it is.

Refused: the caller is wrong (4xx). Retryable: later may work (5xx, stays in the outbox). Terminal: it never will.
"""

from __future__ import annotations

import shlex
from datetime import datetime
from typing import ClassVar


class Problem(Exception):
    """What went wrong (with the object's name), why (with the evidence), and the fix.

    `fix` is a `factory …` command, or a sentence that starts with `In <product>: `. It is never empty.
    """

    code: ClassVar[str] = "E-FACTORY"
    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    everywhere: ClassVar[bool] = False  # it hits whatever is tried next, too

    def __init__(self, what: str, *, why: str, fix: str, see: str = "") -> None:
        if not fix.startswith(("factory ", "In ")):
            raise ValueError(f"a fix is a factory command or 'In <product>: …', not {fix!r}")
        super().__init__(what)
        self.what, self.why, self.fix, self.see = what, why, fix, see

    def document(self) -> dict[str, object]:
        """The JSON form, `factory.error/1`; `fix` is an argument list, so that nobody parses a sentence."""
        command = shlex.split(self.fix) if self.fix.startswith("factory ") else []
        return {
            "schema": "factory.error/1", "code": self.code, "what": self.what, "why": self.why,
            "fix": command, "fix_in_words": self.fix, "see": self.see, "retryable": self.retryable,
        }  # fmt: skip


class Refused(Problem):
    """The caller is wrong, and the same call will be wrong again."""

    code, exit_code, http_status = "E-REFUSED", 2, 400


class BadSignature(Refused):
    """Nobody who knows the secret sent this."""

    code, http_status = "E-SIGNATURE", 401


class TooLarge(Refused):
    """The body is over the limit; nothing of it was read."""

    code, http_status = "E-TOO-LARGE", 413


class NotFound(Refused):
    """No such tenant, provider or item."""

    code, http_status = "E-NOT-FOUND", 404


class ConfigProblem(Refused):
    """factory.config.yaml says something that cannot be; `what` names the file and the key."""

    code = "E-CONFIG"


class NeedsPerson(Problem):
    """A connection waits for a person: a token, a scope, a secret."""

    code, exit_code, http_status = "E-CONNECTION", 4, 503


class StoppedByRule(Problem):
    """A budget, a cap or a policy said no; trying again is pointless."""

    code, exit_code, http_status = "E-RULE", 5, 409


class Retryable(Problem):
    """It may work later: `after` seconds from now if the other side said so, else as the caller sees fit."""

    code, http_status, retryable = "E-LATER", 503, True

    def __init__(self, what: str, *, why: str, fix: str, see: str = "", after: float | None = None) -> None:
        super().__init__(what, why=why, fix=fix, see=see)
        self.after = after


class VendorUnavailable(Retryable):
    """A vendor does not answer, or asks for a pause. `provider` names it.

    `limited`: it is well and only limits our calls, so its webhooks still come.
    """

    code = "E-VENDOR"

    def __init__(
        self, provider: str, what: str, *, why: str, fix: str, after: float | None = None, limited: bool = False
    ) -> None:
        super().__init__(what, why=why, fix=fix, after=after)
        self.provider, self.limited = provider, limited


class VendorPaused(VendorUnavailable):
    """A vendor asked for a pause that is not over, so it was not called. This counts as no attempt."""

    code = "E-PAUSED"

    def __init__(self, provider: str, until: datetime, *, after: float) -> None:
        why = f"it asked for a pause until {until:%H:%M:%S} UTC: its rate limit is used up"
        super().__init__(
            provider, f"{provider} is not called yet", why=why, fix="factory check", after=after, limited=True
        )


class ConnectionLost(Retryable):
    """A vendor no longer accepts the credential: revoked, expired, or replaced.

    The failure is the connection's, not the item's: it costs no attempt and no time limit, and what waits goes on as
    soon as a credential works again.
    """

    code, exit_code = "E-CONNECTION-LOST", 4

    def __init__(self, provider: str, why: str) -> None:
        super().__init__(f"{provider}: not authorised", why=why, fix=f"factory connect {provider}")
        self.provider = provider


class EngineUnavailable(Retryable):
    """An engine cannot be started on this machine: it is missing, nothing walls it in, or the disk is full.

    The failure is the machine's, not the item's: it costs no attempt, and what waits goes on when an engine starts.
    """

    code = "E-ENGINE"


class StoreUnavailable(Retryable):
    """The state store cannot be read or written: never to be taken for an empty one."""

    code, everywhere = "E-STORE", True


class UnreadableRecord(StoreUnavailable):
    """One record is damaged, or of a newer release; the store itself is well, and so are the others."""

    code, everywhere = "E-RECORD", False


class NewerRecord(UnreadableRecord):
    """A newer release wrote this record in a way that this one does not know: it is left as it is."""

    code = "E-NEWER"


class OwnFault(Retryable):
    """A fault of the factory's own, not a vendor's weather: tried a few times, then parked for a person."""

    code = "E-FAULT"


class Terminal(Problem):
    """It will never work as it stands; the outbox turns it into an EffectFailed event."""

    code = "E-TERMINAL"


class RecordTooLarge(Terminal):
    """The store takes no record of this size, now or later, and nothing was stored. `why` says the sizes in bytes."""

    code = "E-RECORD-SIZE"


class PlaceUnknown(Terminal):
    """The other side no longer knows our place in its feed: reading begins anew."""

    code = "E-PLACE"


class VersionConflict(Exception):
    """Somebody else saved first: load again and decide again. Never shown to a person."""
