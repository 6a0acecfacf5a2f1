"""The whole imitation in one object: four vendors, who listens, what goes wrong next, and what was counted."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import httpx2

from factory_core.errors import NotFound

from .clock import Clock
from .credentials import Credentials, End
from .faults import Faults
from .github.host import GitHub
from .github.rules import Rules
from .linear.workspace import Linear
from .node import Changed, Node
from .relayfile.files import Relayfile
from .signing import Vendor
from .slack.workspace import Slack
from .webhooks import Delivery, Webhooks


class Sandbox:
    """State lives in memory and in a directory of bare repositories that close() removes.

    `address` is where it is served; `linear` and `slack` are the workspaces of every token that belongs to no other.
    """

    def __init__(self, clock: Clock | None = None, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self.clock = clock or Clock()
        self.address = "http://127.0.0.1:8790"
        self.requests: Counter[tuple[str, str]] = Counter()
        self.credentials = {name: Credentials(self.clock) for name in ("linear", "slack", "github", "relayfile")}
        self.directory = Path(tempfile.mkdtemp(prefix="factory-sandbox-"))
        self.faults = Faults(self.clock)
        self.webhooks = Webhooks(self.clock, self.faults, transport)
        self.linear = Linear(self.clock, self.changed, lambda: self.address)
        self.slack = Slack(self.clock, self.changed, lambda: self.address)
        self.other_linear: dict[str, Linear] = {}
        self.other_slack: dict[str, Slack] = {}
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
        required_checks: tuple[str, ...] = (),
    ) -> Sandbox:
        """Team DEMO, channel C0SANDBOX (#eng-intake) with three people, repository acme/shop, whose main requires these
        checks."""
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
        if required_checks:
            sandbox.github.protect("acme/shop", Rules(required_checks=required_checks))
        return sandbox

    def move_to(self, address: str) -> None:
        """Served elsewhere: links and clone addresses change with it."""
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

    # Further workspaces, in which the same app is installed: one secret signs for all.

    def add_workspace(self, vendor: Literal["linear", "slack"], name: str, token: str) -> Node:
        """Another workspace, and the one token that belongs to it: what that token asks, it is asked of this one.

        Linear's is named by its URL key and has its own team DEMO; Slack's by its team id, with its own C0SANDBOX.
        """
        self.credentials[vendor].workspaces[token] = name
        if vendor == "linear":
            linear = Linear(self.clock, self._elsewhere, lambda: self.address, name, self.linear.client_id)
            linear.team("DEMO")
            self.other_linear[name] = linear
            return {"workspace": name, "organization": linear.organization["id"]}
        slack = Slack(self.clock, self._elsewhere, lambda: self.address, name, f"U0BOT{name}")
        slack.add_channel("C0SANDBOX", "eng-intake")
        self.other_slack[name] = slack
        return {"workspace": name, "bot_user": slack.bot_user}

    @property
    def _elsewhere(self) -> Changed:
        """relayfile mirrors the first workspace only."""
        return lambda vendor, event, payload, _: self.changed(vendor, event, payload, ())

    def workspace(self, vendor: str, name: str) -> Linear | Slack:
        """The workspace of this name; empty is the first."""
        first: Linear | Slack = self.linear if vendor == "linear" else self.slack
        others: dict[str, Any] = dict(self.other_linear) if vendor == "linear" else dict(self.other_slack)
        found = others.get(name) if name else first
        if found is None:
            why = f"there are {', '.join(others) or 'none but the first'}"
            raise NotFound(f"workspace {name!r}", why=why, fix="factory sandbox --help")
        return found

    def linear_of(self, token: str) -> Linear:
        return self.other_linear.get(self.credentials["linear"].workspaces.get(token, ""), self.linear)

    def slack_of(self, token: str) -> Slack:
        return self.other_slack.get(self.credentials["slack"].workspaces.get(token, ""), self.slack)

    # Credentials.

    def set_token(self, vendor: str, token: str) -> Node:
        """From now on only this token is right, and those of further workspaces."""
        self._credentials(vendor).only(token)
        return {"vendor": vendor}

    def end_tokens(self, vendor: str, how: End = "revoked", seconds: float = 0.0) -> Node:
        """All tokens that the vendor knows end, now or in so many seconds; one that it does not know is good.

        Linear and Slack send an event when the app's access is revoked; an expiry has none.
        """
        self._credentials(vendor).end(how, seconds)
        if how == "revoked" and vendor == "linear":
            self.linear.revoke_app()
        if how == "revoked" and vendor == "slack":
            self.slack.revoke_tokens()
        return {"vendor": vendor, "how": how}

    def change_installation(self, action: Literal["deleted", "suspend", "unsuspend"], owner: str = "acme") -> Node:
        """The GitHub App is uninstalled, which ends its tokens, or suspended for a while, in which they are refused."""
        if action == "deleted":
            self.credentials["github"].end("revoked")
        self.github.change_installation(action, owner)
        return {"action": action, "owner": owner}

    def _credentials(self, vendor: str) -> Credentials:
        found = self.credentials.get(vendor)
        if found is None:
            why = f"there are {', '.join(self.credentials)}"
            raise NotFound(f"vendor {vendor!r}", why=why, fix="factory sandbox --help")
        return found

    # What happened.

    def state(self) -> Node:
        """All that a test may count, with further workspaces under a key of their own."""
        requests: dict[str, dict[str, int]] = {}
        for (vendor, operation), count in sorted(self.requests.items()):
            requests.setdefault(vendor, {})[operation] = count
        return {
            "linear": _linear(self.linear),
            "slack": {"threads": _threads(self.slack)},
            "github": {"repositories": {name: self._repository(name) for name in self.github.repositories}},
            "workspaces": {
                **{name: _linear(linear) for name, linear in self.other_linear.items()},
                **{name: {"threads": _threads(slack)} for name, slack in self.other_slack.items()},
            },
            "requests": requests,
            "deliveries": [_delivery(delivery) for delivery in self.webhooks.deliveries],
        }

    def _repository(self, name: str) -> Node:
        place = self.github.repositories[name]
        pulls = [
            {
                **asdict(pull),
                "merged": pull.merged_at is not None,
                "checks": [asdict(check) for check in place.checks_of(pull.head_sha)],
                "suites": [asdict(suite) for suite in place.suites if suite.sha == pull.head_sha],
            }
            for pull in place.pulls
        ]
        return {"id": place.id, "path": str(place.path), "branches": place.branches, "pulls": pulls}


def _linear(linear: Linear) -> Node:
    linear.refresh_sessions()
    return {
        "issues": {issue["identifier"]: _issue(issue) for issue in linear.issues},
        "sessions": [_session(session) for session in linear.sessions],
    }


def _threads(slack: Slack) -> Node:
    """`<channel>:<ts of the root>` and the messages of the thread, the root first."""
    return {
        f"{channel}:{root['ts']}": slack.thread(channel, root["ts"])
        for channel, messages in slack.messages.items()
        for root in messages
        if root.get("thread_ts", root["ts"]) == root["ts"]
    }


def _issue(issue: Node) -> Node:
    comments = [{"id": c["id"], "body": c["body"], "user": _author(c)} for c in issue["comments"]]
    delegate: Any = issue["delegate"]
    return {
        "id": issue["id"],
        "title": issue["title"],
        "state": issue["state"]["name"],
        "states": issue["states"],
        "labels": [label["name"] for label in issue["labels"]],
        "comments": comments,
        "delegate": delegate and delegate["name"],
        "attachments": [attachment["url"] for attachment in issue["attachments"]],
        "trashed": issue["trashed"],
    }


def _author(comment: Node) -> str:
    by = comment["user"] or comment["externalUser"] or comment["botActor"]
    return str(by["name"]) if by else ""


def _session(session: Node) -> Node:
    activities = [
        {"content": a["content"], "signal": a["signal"], "user": a["user"]["id"]} for a in session["activities"]
    ]
    shown = ("id", "status", "externalUrls", "plan", "unresponsive")
    plain = {name: session[name] for name in shown}
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
