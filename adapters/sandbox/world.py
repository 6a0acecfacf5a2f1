"""The whole imitation in one object: four vendors, who listens, what goes wrong next, and what was counted."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx2

from .clock import Clock
from .faults import Faults
from .github import GitHub
from .linear import Linear
from .node import Node
from .relayfile import Relayfile
from .signing import Vendor
from .slack import Slack
from .webhooks import Delivery, Webhooks


class Sandbox:
    """State lives in memory and in a directory of bare repositories that close() removes.

    `address` is where it is served; `tokens` holds what each vendor accepts, any non-empty one where none is named.
    """

    def __init__(self, clock: Clock | None = None, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self.clock = clock or Clock()
        self.address = "http://127.0.0.1:8790"
        self.tokens: dict[str, str] = {}
        self.requests: Counter[tuple[str, str]] = Counter()
        self.directory = Path(tempfile.mkdtemp(prefix="factory-sandbox-"))
        self.faults = Faults(self.clock)
        self.webhooks = Webhooks(self.clock, self.faults, transport)
        self.linear = Linear(self.clock, self.changed, lambda: self.address)
        self.slack = Slack(self.clock, self.changed, lambda: self.address)
        self.github = GitHub(self.clock, self.changed, lambda: self.address, self.webhooks.spawn, self.directory)
        self.relayfile = Relayfile(self.clock, self.webhooks, self.linear, self.slack, self.github)

    @classmethod
    async def demo(
        cls,
        *,
        time_scale: float = 1.0,
        address: str = "",
        clock: Clock | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> Sandbox:
        """Team DEMO, channel C0SANDBOX (#eng-intake) with three people, repository acme/shop."""
        sandbox = cls(clock or Clock(scale=time_scale), transport)
        sandbox.address = address or sandbox.address
        sandbox.linear.team("DEMO")
        for label in ("exec:quick", "exec:tdd", "exec:pair", "spec:draft", "bug"):
            sandbox.linear.label(label)
        for project in ("Shop", "Website"):
            sandbox.linear.project(project)
        sandbox.slack.add_channel("C0SANDBOX", "eng-intake")
        for name in ("Ada", "Grace", "Linus"):
            sandbox.slack.add_user(f"U0{name.upper()}", name)
        await sandbox.github.create_repository("acme/shop")
        return sandbox

    def move_to(self, address: str) -> None:
        """Served elsewhere: links and clone addresses say so from now on."""
        self.address = address
        for place in self.github.repositories.values():
            place.address = address

    async def close(self) -> None:
        await self.webhooks.close()
        shutil.rmtree(self.directory)

    def changed(self, vendor: Vendor, event: str, payload: Node, paths: Sequence[str]) -> None:
        """Something happened: the vendor's own webhook, and relayfile's pointers to the files of it."""
        self.webhooks.announce(vendor, event, payload, id=str(payload.get("event_id", "")))
        self.relayfile.touched(vendor, paths)

    def set_token(self, vendor: str, token: str) -> Node:
        """From now on only this token is right."""
        self.tokens[vendor] = token
        return {"vendor": vendor}

    def state(self) -> Node:
        """All that a test may count."""
        requests: dict[str, dict[str, int]] = {}
        for (vendor, operation), count in sorted(self.requests.items()):
            requests.setdefault(vendor, {})[operation] = count
        return {
            "linear": {
                "issues": {issue["identifier"]: _issue(issue) for issue in self.linear.issues},
                "sessions": [_session(session) for session in self.linear.sessions],
            },
            "slack": {"threads": self._threads()},
            "github": {"repositories": {name: self._repository(name) for name in self.github.repositories}},
            "requests": requests,
            "deliveries": [_delivery(delivery) for delivery in self.webhooks.deliveries],
        }

    def _threads(self) -> Node:
        """`<channel>:<ts of the root>` and the messages of the thread, the root first."""
        return {
            f"{channel}:{root['ts']}": self.slack.thread(channel, root["ts"])
            for channel, messages in self.slack.messages.items()
            for root in messages
            if root.get("thread_ts", root["ts"]) == root["ts"]
        }

    def _repository(self, name: str) -> Node:
        place = self.github.repositories[name]
        pulls = [
            {
                **asdict(pull),
                "merged": pull.merged_at is not None,
                "checks": [asdict(check) for check in place.checks_of(pull.head_sha)],
            }
            for pull in place.pulls
        ]
        return {"path": str(place.path), "branches": place.branches, "pulls": pulls}


def _issue(issue: Node) -> Node:
    comments = [{"id": c["id"], "body": c["body"], "user": c["user"]["name"]} for c in issue["comments"]]
    delegate: Any = issue["delegate"]
    return {
        "id": issue["id"],
        "title": issue["title"],
        "state": issue["state"]["name"],
        "states": issue["history"],
        "labels": [label["name"] for label in issue["labels"]],
        "comments": comments,
        "delegate": delegate and delegate["name"],
        "attachments": [attachment["url"] for attachment in issue["attachments"]],
        "trashed": issue["trashed"],
    }


def _session(session: Node) -> Node:
    activities = [
        {"content": a["content"], "signal": a["signal"], "user": a["user"]["id"]} for a in session["activities"]
    ]
    plain = {"id": session["id"], "status": session["status"], "externalUrls": session["externalUrls"]}
    return {**plain, "issue": session["issue"]["identifier"], "activities": activities}


def _delivery(delivery: Delivery) -> Node:
    return {
        "id": delivery.id,
        "vendor": delivery.vendor,
        "event": delivery.event,
        "action": delivery.payload.get("action"),
        "url": delivery.to.url,
        "attempts": [asdict(tried) for tried in delivery.tried],
        "accepted": delivery.accepted,
        "dropped": delivery.dropped,
    }
