"""GitHub's own sample payloads, from the npm package (`npm ci --ignore-scripts` in this folder)."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from github_payloads import CONFIG, SECRET, delivery

from adapters.providers.github.webhook import GithubWebhook, _said_at
from factory_core.config import Repository
from factory_core.dispatch.events import PullRequestChanged
from factory_core.errors import Problem
from factory_core.payload import at

SAMPLES = Path(__file__).parent / "node_modules/@octokit/webhooks-examples"
WEBHOOK = GithubWebhook([SECRET], CONFIG)


def _samples() -> list[tuple[str, dict[str, Any]]]:
    """(event, payload) of every API version in the package."""
    if not SAMPLES.exists():
        pytest.skip("npm package @octokit/webhooks-examples")
    indexes = [json.loads(index.read_text("utf-8")) for index in sorted(SAMPLES.glob("*/index.json"))]
    return [(event["name"], payload) for index in indexes for event in index for payload in event["examples"]]


def test_every_sample_under_every_events_name_is_read_refused_or_ignored() -> None:
    """No payload under no event's name makes the parser raise anything but a Problem."""
    samples = _samples()
    names = sorted({name for name, _ in samples})
    tried = 0
    for _, payload in samples:
        signed = delivery("", payload)
        for name in names:
            request = signed.model_copy(update={"headers": {**signed.headers, "x-github-event": name}})
            with contextlib.suppress(Problem):
                WEBHOOK.events_in(request)
            tried += 1
    assert tried == len(samples) * len(names) > 10_000


def test_the_samples_of_our_events_are_understood_on_our_branches() -> None:
    """With the sample's branch renamed to ours, the listed events are found in GitHub's own payloads."""
    found: set[str] = set()
    for name, payload in _samples():
        text = json.dumps(payload)
        for branch in ("changes", "main", "master"):
            text = text.replace(f'"head_branch": "{branch}"', '"head_branch": "factory/ACME-142-x"')
            text = text.replace(f'"ref": "{branch}"', '"ref": "factory/ACME-142-x"')
        sample = json.loads(text)
        ours = CONFIG.model_copy(update={"repositories": {str(at(sample, "repository", "full_name")): Repository()}})
        request = delivery(name, sample)
        sent = request.model_copy(update={"received_at": _said_at(sample) or request.received_at})
        events = GithubWebhook([SECRET], ours).events_in(sent).events
        found |= {event.what for event in events if isinstance(event, PullRequestChanged)}
    assert {
        "pull_request.closed", "pull_request.reopened", "pull_request.ready_for_review",
        "pull_request.converted_to_draft", "pull_request.synchronize",
        "pull_request_review.submitted", "pull_request_review.dismissed", "check_run.completed",
        "check_suite.completed", "workflow_run.completed",
    } <= found  # fmt: skip
