"""The section `linear` of the configuration, and what its token must be allowed."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from factory_core.settings import VendorSettings

SCOPES = ("read", "write")
MappedState = Literal["ready", "dispatched", "in-review", "done"]


def _state_names() -> dict[MappedState, str]:
    return {"ready": "Ready for Agent", "dispatched": "In Progress", "in-review": "In Review", "done": "Done"}


class LinearSettings(VendorSettings):
    """How the tracker's state names map to ours; names are looked up per team, case does not matter."""

    title: ClassVar[str] = "Linear"
    site: ClassVar[str] = "linear.app"

    url: str = "https://api.linear.app"
    team: str = ""  # empty: every team that the token sees
    states: dict[MappedState, str] = Field(default_factory=_state_names)
    organisation: str = ""  # the workspace's id: events of another one are refused; empty: the token's own, once known
    app_user_id: str = ""  # our agent user: what is delegated to it is ready

    def organisation_id(self) -> str:
        return self.organisation

    def own_user_id(self) -> str:
        return self.app_user_id

    def ready_state(self) -> str:
        return self.states.get("ready", "ready")
