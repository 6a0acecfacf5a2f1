"""What a tracker's agent session shows of an item: its entries, its plan and its links, in the core's words."""

from __future__ import annotations

from typing import Literal

from ..work_item import Frozen, StoredModel


class Activity(StoredModel):
    """One entry in the session; the newest one says where the item stands.

    `note`: what is going on · `step`: what is being done, and `about` what · `question`: a person has to answer ·
    `result`: it is over · `problem`: it is stuck until a person acts. An ephemeral one vanishes with the next.
    """

    kind: Literal["note", "step", "question", "result", "problem"] = "note"
    text: str
    about: str = ""
    ephemeral: bool = False

    @property
    def working(self) -> bool:
        """Does it say that somebody works on the item? Then the tracker expects another one soon."""
        return self.kind in ("note", "step")

    @property
    def sentence(self) -> str:
        return f"{self.text}: {self.about}." if self.about else self.text


Status = Literal["pending", "in-progress", "completed", "cancelled"]


class PlanStep(Frozen):
    """One step of the session's plan."""

    text: str
    status: Status


class Link(Frozen):
    """Something outside that belongs to the session: the pull request, the question's thread."""

    label: str
    url: str
