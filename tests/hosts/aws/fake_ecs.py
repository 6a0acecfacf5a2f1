"""ECS as far as one-shot tasks need it, and as moto does not play it: tokens, failures, versions, stop codes, events.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html
"""

from __future__ import annotations

import json
import re
from typing import Any

from botocore.session import get_session
from botocore.validate import ParamValidator

SHAPE: Any = get_session().get_service_model("ecs").operation_model("RunTask").input_shape
Task = dict[str, Any]


class Conflict(Exception):
    """The token is known, with other parameters."""


class FakeEcs:
    """`room`: why no task can be placed; empty: there is room."""

    class exceptions:
        ConflictException = Conflict

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.room = ""
        self._tokens: dict[str, tuple[Task, str]] = {}

    def run_task(self, **request: Any) -> dict[str, Any]:
        assert not ParamValidator().validate(request, SHAPE).has_errors()
        assert re.fullmatch(r"[!-~]{1,64}", request["clientToken"]) and request["count"] == 1
        assert re.fullmatch(r"[\w-]{1,128}", request["startedBy"], re.ASCII)
        assert len(json.dumps(request["overrides"])) <= 8192
        said = json.dumps(request, sort_keys=True)
        if request["clientToken"] in self._tokens:
            task, before = self._tokens[request["clientToken"]]
            if before != said:
                raise Conflict
            return {"tasks": [task], "failures": []}
        if self.room:
            return {"tasks": [], "failures": [{"reason": self.room, "detail": "none left"}]}
        number = len(self.tasks) + 1
        task = {
            "taskArn": f"arn:aws:ecs:us-east-1:123456789012:task/factory-test/{number:032x}", "version": 1,
            "clusterArn": request["cluster"], "lastStatus": "PROVISIONING", "desiredStatus": "RUNNING",
            "startedBy": request["startedBy"], "launchType": "FARGATE", "overrides": request["overrides"],
            "containers": [{"name": "agent", "lastStatus": "PENDING"}],
        }  # fmt: skip
        self.tasks.append(task)
        self._tokens[request["clientToken"]] = (task, said)
        return {"tasks": [task], "failures": []}

    def begins(self, task: Task) -> Task:
        """Its event."""
        return self._changes(task, lastStatus="RUNNING")

    def stops(self, task: Task, code: str, why: str = "", exit_code: int | None = None, reason: str = "") -> Task:
        container: Task = {"name": "agent", "lastStatus": "STOPPED"}
        container |= {"exitCode": exit_code} if exit_code is not None else {}
        container |= {"reason": reason} if reason else {}
        return self._changes(
            task,
            lastStatus="STOPPED",
            desiredStatus="STOPPED",
            stopCode=code,
            stoppedReason=why,
            containers=[container],
        )

    def _changes(self, task: Task, **changes: Any) -> Task:
        task |= {**changes, "version": task["version"] + 1}
        return {
            "version": "0", "id": f"event-{task['version']}", "detail-type": "ECS Task State Change",
            "source": "aws.ecs", "account": "123456789012", "time": "2026-11-20T10:31:02Z", "region": "us-east-1",
            "resources": [task["taskArn"]], "detail": dict(task),
        }  # fmt: skip
