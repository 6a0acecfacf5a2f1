"""A worker that speaks factory.worker/1 and writes its one line by itself: the factory is shown here, and no agent."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path
from typing import Any

import httpx2

from factory_core.runs.run import RunOrder, RunReport, RunStatus

WHO = {"id": "worker-of-the-test", "engines": ["console"], "slots": 1}
GIT = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_GLOBAL": "/dev/null", **{
    f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "a"), ("EMAIL", "a@b.c"))
}}  # fmt: skip


class Worker(threading.Thread):
    """Claims, pushes one commit to the branch, reports. `repository` is the path of the bare one."""

    def __init__(self, url: str, tenant: str, token: str, repository: Path, folder: Path) -> None:
        super().__init__(daemon=True)
        self._http = httpx2.Client(
            base_url=f"{url}/fleet/{tenant}/",
            headers={"Authorization": f"Bearer {token}"},
            timeout=120,
            trust_env=False,
        )
        self._repository, self._folder = repository, folder
        self.over, self.runs, self.refused = threading.Event(), list[str](), list[int]()

    def run(self) -> None:
        while not self.over.wait(0.2):
            offered = self._said("claim").get("run")
            if offered:
                order = RunOrder.model_validate(offered["order"])
                self.runs.append(order.run_id)
                self._work(order, offered.get("epoch", 1))

    def _work(self, order: RunOrder, epoch: int) -> None:
        report = RunReport(run_id=order.run_id, work_item_id=order.work_item_id, status=RunStatus.RUNNING)
        self._said(f"runs/{order.run_id}/heartbeat", epoch=epoch, report=report.model_dump(mode="json"))
        head = self._commit(order)
        ended = report.model_copy(update={"status": RunStatus.SUCCEEDED, "words": "Renamed it."})
        self._said(f"runs/{order.run_id}/report", epoch=epoch, report=ended.model_dump(mode="json"), head=head)

    def _commit(self, order: RunOrder) -> str:
        tree = self._folder / order.run_id
        self._git(self._folder, "clone", "-q", str(self._repository), str(tree))
        (tree / "NOTES.md").write_text(f"{order.run_id}\n")
        self._git(tree, "checkout", "-q", "-B", order.branch)
        self._git(tree, "add", ".")
        self._git(tree, "commit", "-q", "-m", f"{order.work_item_id}: as asked")
        self._git(tree, "push", "-q", "origin", order.branch)
        return self._git(tree, "rev-parse", "HEAD")

    def _git(self, place: Path, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=place, env=GIT, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def _said(self, path: str, **more: Any) -> Any:
        answer = self._http.post(path, json={"schema": "factory.worker/1", "worker": WHO, **more})
        if answer.status_code != 200:
            self.refused.append(answer.status_code)
            return {}
        return answer.json()
