"""A task of ECS that stopped, as an event or an answer tells it, and what that means for the run it was started for.

A task that did its work has reported before it ended. So a stop only says that nothing more will come from there; what
was reported counts, and what was told twice or late is of an epoch that has passed.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from factory_core.runs.run import RunStatus

TENANT, RUN, EPOCH = "FACTORY_TENANT", "FACTORY_RUN", "FACTORY_EPOCH"
VERDICTS = {
    "EssentialContainerExited": RunStatus.FAILED,  # without a report
    "UserInitiated": RunStatus.STOPPED,  # in the console, by a person
}
"""By stopCode. Every other is the machine's end, and no fault of the run's: a failed start, Spot, its hardware."""


class _Told(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True, extra="ignore")


class _Variable(_Told):
    name: str
    value: str


class _Override(_Told):
    environment: tuple[_Variable, ...] = ()


class _Overrides(_Told):
    container_overrides: tuple[_Override, ...] = ()


class _Container(_Told):
    exit_code: int | None = None  # absent where it never ran
    reason: str = ""


class Task(_Told):
    """`version` grows with each change of the task; an event that comes twice has the same."""

    task_arn: str
    last_status: str
    version: int = 0
    stop_code: str = ""
    stopped_reason: str = ""
    containers: tuple[_Container, ...] = ()
    overrides: _Overrides = Field(default_factory=_Overrides)

    @property
    def stopped(self) -> bool:
        return self.last_status == "STOPPED"

    @property
    def pointers(self) -> dict[str, str]:
        """What the task was started for."""
        return {one.name: one.value for override in self.overrides.container_overrides for one in override.environment}

    @property
    def verdict(self) -> RunStatus:
        return VERDICTS.get(self.stop_code, RunStatus.LOST)

    @property
    def why(self) -> str:
        exits = [f"exit code {one.exit_code}" for one in self.containers if one.exit_code is not None]
        reasons = [one.reason for one in self.containers if one.reason]
        said = [self.stop_code or "no stop code", self.stopped_reason, *exits, *reasons]
        return f"its task ended without a report: {', '.join(word for word in said if word)}"[:500]


def task_of(told: Any) -> Task:
    """Raise ValidationError for what is no task."""
    return Task.model_validate(told)
