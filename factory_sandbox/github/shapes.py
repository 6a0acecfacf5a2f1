"""GitHub's JSON of repositories, pull requests, checks and reviews, as REST and webhooks share it.

https://docs.github.com/webhooks/webhook-events-and-payloads
"""

from __future__ import annotations

from typing import Any

from ..node import Node, slug
from .people import account_json, association, owner_json
from .records import ACTIONS, BOT, Check, Comment, Pull, Repository, Review, ReviewComment, Status, Suite

ACTIONS_ID = 15368


def repository_json(repository: Repository) -> Node:
    return {
        "id": repository.id,
        "node_id": f"R_{repository.id}",
        "name": repository.name,
        "full_name": repository.full_name,
        "private": True,
        "owner": owner_json(repository),
        "html_url": repository.html,
        "url": repository.api,
        "clone_url": f"{repository.address}/git/{repository.full_name}.git",
        "default_branch": repository.default_branch,
        "fork": False,
        "archived": repository.archived,
        "has_downloads": True,
    }


def app_json(app: str) -> Node:
    names = {ACTIONS: "GitHub Actions"}
    id = ACTIONS_ID if app == ACTIONS else 100_000 + sum(app.encode())
    return {"id": id, "slug": app, "name": names.get(app, app.replace("-", " ").title())}


def _end(repository: Repository, branch: str, sha: str) -> Node:
    ref = {"label": f"{repository.owner}:{branch}", "ref": branch, "sha": sha, "user": owner_json(repository)}
    return {**ref, "repo": repository_json(repository)}


def pull_json(repository: Repository, pull: Pull, state: str = "") -> Node:
    """`state` is `mergeable_state`, where it is known; a webhook's own is as good as GitHub had it by then."""
    plain = "draft" if pull.draft else {True: "clean", False: "dirty", None: "unknown"}[pull.mergeable]
    return {
        "id": repository.id * 10_000 + pull.number,
        "node_id": node_id(repository, pull),
        "number": pull.number,
        "url": f"{repository.api}/pulls/{pull.number}",
        "html_url": f"{repository.html}/pull/{pull.number}",
        "issue_url": f"{repository.api}/issues/{pull.number}",
        "title": pull.title,
        "body": pull.body,
        "user": account_json(repository, BOT),
        "state": pull.state,
        "draft": pull.draft,
        "locked": False,
        "merged": pull.merged_at is not None,
        "merged_at": pull.merged_at,
        "merged_by": account_json(repository, pull.merged_by) if pull.merged_by else None,
        "merge_commit_sha": pull.merge_commit_sha,
        "mergeable": pull.mergeable,
        "mergeable_state": state or plain,
        "auto_merge": pull.auto_merge,
        "created_at": pull.created_at,
        "updated_at": pull.updated_at or pull.created_at,
        "closed_at": pull.updated_at if pull.state == "closed" else None,
        "head": _end(repository, pull.head, pull.head_sha),
        "base": _end(repository, pull.base, pull.base_sha),
        "labels": [],
        "assignee": None,
        "assignees": [],
        "requested_reviewers": [],
        "author_association": "CONTRIBUTOR",
        "comments": len(pull.comments),
        "review_comments": len(pull.review_comments),
    }


def node_id(repository: Repository, pull: Pull) -> str:
    return f"PR_{repository.id}_{pull.number}"


def review_json(repository: Repository, pull: Pull, review: Review) -> Node:
    return {
        "id": review.id,
        "node_id": f"PRR_{review.id}",
        "user": account_json(repository, review.user),
        "body": review.body,
        "state": review.state,
        "commit_id": review.sha,
        "submitted_at": review.at,
        "html_url": f"{repository.html}/pull/{pull.number}#pullrequestreview-{review.id}",
        "pull_request_url": f"{repository.api}/pulls/{pull.number}",
        "author_association": association(repository, review.user),
    }


def review_comment_json(repository: Repository, pull: Pull, comment: ReviewComment) -> Node:
    """An outdated comment has neither `line` nor `position`, only the original ones."""
    reply = {"in_reply_to_id": comment.reply_to} if comment.reply_to else {}
    return {
        "id": comment.id,
        "node_id": f"PRRC_{comment.id}",
        "pull_request_review_id": comment.review,
        "url": f"{repository.api}/pulls/comments/{comment.id}",
        "html_url": f"{repository.html}/pull/{pull.number}#discussion_r{comment.id}",
        "pull_request_url": f"{repository.api}/pulls/{pull.number}",
        "user": account_json(repository, comment.user),
        "author_association": association(repository, comment.user),
        "body": comment.body,
        "path": comment.path,
        "diff_hunk": f"@@ -{comment.line} +{comment.line} @@",
        "commit_id": comment.sha if comment.outdated else pull.head_sha,
        "original_commit_id": comment.sha,
        "line": None if comment.outdated else comment.line,
        "original_line": comment.line,
        "start_line": None,
        "original_start_line": None,
        "side": "RIGHT",
        "start_side": None,
        "position": None if comment.outdated else 1,
        "original_position": 1,
        "subject_type": "line",
        "created_at": comment.at,
        "updated_at": comment.at,
        **reply,
    }


def comment_json(repository: Repository, pull: Pull, comment: Comment) -> Node:
    return {
        "id": comment.id,
        "node_id": f"IC_{comment.id}",
        "url": f"{repository.api}/issues/comments/{comment.id}",
        "html_url": f"{repository.html}/pull/{pull.number}#issuecomment-{comment.id}",
        "issue_url": f"{repository.api}/issues/{pull.number}",
        "user": account_json(repository, comment.user),
        "body": comment.body,
        "created_at": comment.at,
        "updated_at": comment.at,
        "author_association": association(repository, comment.user),
    }


def _pulls_of(repository: Repository, sha: str) -> list[Node]:
    """The short form that checks carry."""
    here = {"id": repository.id, "url": repository.api, "name": repository.name}
    return [
        {
            "id": repository.id * 10_000 + pull.number,
            "number": pull.number,
            "url": f"{repository.api}/pulls/{pull.number}",
            "head": {"ref": pull.head, "sha": pull.head_sha, "repo": here},
            "base": {"ref": pull.base, "sha": pull.base_sha, "repo": here},
        }
        for pull in repository.pulls
        if pull.head_sha == sha
    ]


def suite_json(repository: Repository, suite: Suite) -> Node:
    return {
        "id": suite.id,
        "node_id": f"CS_{suite.id}",
        "head_branch": suite.branch,
        "head_sha": suite.sha,
        "status": suite.status,
        "conclusion": suite.conclusion,
        "url": f"{repository.api}/check-suites/{suite.id}",
        "check_runs_url": f"{repository.api}/check-suites/{suite.id}/check-runs",
        "before": None,
        "after": suite.sha,
        "pull_requests": _pulls_of(repository, suite.sha),
        "app": app_json(suite.app),
        "created_at": suite.created_at,
        "updated_at": suite.updated_at or suite.created_at,
        "latest_check_runs_count": sum(check.suite == suite.id for check in repository.latest_checks(suite.sha)),
        "head_commit": {"id": suite.sha},
    }


def check_json(repository: Repository, check: Check) -> Node:
    summary = {None: None, "success": "All tests passed."}.get(
        check.conclusion, f"The tests ended as {check.conclusion}."
    )
    return {
        "id": check.id,
        "node_id": f"CR_{check.id}",
        "external_id": "",
        "name": check.name,
        "head_sha": check.sha,
        "status": check.status,
        "conclusion": check.conclusion,
        "started_at": check.started_at,
        "completed_at": check.completed_at,
        "url": f"{repository.api}/check-runs/{check.id}",
        "html_url": f"{repository.html}/runs/{check.id}",
        "details_url": f"{repository.html}/runs/{check.id}",
        "output": {
            "title": check.name if check.title is None else check.title,
            "summary": summary if check.summary is None else check.summary,
            "text": check.text,
            "annotations_count": 0,
        },
        "check_suite": {"id": check.suite, "head_branch": check.branch, "head_sha": check.sha},
        "app": app_json(check.app),
        "pull_requests": _pulls_of(repository, check.sha),
    }


def workflow_run_json(repository: Repository, suite: Suite) -> Node:
    """https://docs.github.com/rest/actions/workflow-runs: `id` stays over re-runs, `run_attempt` counts them."""
    url = f"{repository.api}/actions/runs/{suite.run}"
    bot = account_json(repository, BOT)
    return {
        "id": suite.run,
        "node_id": f"WFR_{suite.run}",
        "name": suite.workflow,
        "path": suite.path,
        "display_title": suite.workflow,
        "workflow_id": sum(suite.path.encode()),
        "check_suite_id": suite.id,
        "check_suite_node_id": f"CS_{suite.id}",
        "head_branch": suite.branch,
        "head_sha": suite.sha,
        "event": suite.event,
        "status": suite.status,
        "conclusion": suite.conclusion,
        "run_number": suite.run_number,
        "run_attempt": suite.attempt,
        "created_at": suite.created_at,
        "updated_at": suite.updated_at or suite.created_at,
        "run_started_at": suite.created_at,
        "url": url,
        "html_url": f"{repository.html}/actions/runs/{suite.run}",
        "jobs_url": f"{url}/jobs",
        "logs_url": f"{url}/logs",
        "check_suite_url": f"{repository.api}/check-suites/{suite.id}",
        "pull_requests": _pulls_of(repository, suite.sha),
        "actor": bot,
        "triggering_actor": bot,
        "repository": repository_json(repository),
        "head_repository": repository_json(repository),
    }


def workflow_json(suite: Suite) -> Node:
    return {"id": sum(suite.path.encode()), "name": suite.workflow, "path": suite.path, "state": "active"}


def job_json(repository: Repository, suite: Suite, check: Check) -> Node:
    """https://docs.github.com/rest/actions/workflow-jobs: a job and its check run have the same id."""
    return {
        "id": check.id,
        "run_id": suite.run,
        "run_attempt": check.attempt,
        "workflow_name": suite.workflow,
        "head_branch": check.branch,
        "head_sha": check.sha,
        "name": check.name,
        "status": check.status,
        "conclusion": check.conclusion,
        "created_at": check.started_at,
        "started_at": check.started_at,
        "completed_at": check.completed_at,
        "url": f"{repository.api}/actions/jobs/{check.id}",
        "html_url": f"{repository.html}/actions/runs/{suite.run}/job/{check.id}",
        "run_url": f"{repository.api}/actions/runs/{suite.run}",
        "check_run_url": f"{repository.api}/check-runs/{check.id}",
        "steps": [
            {"name": check.name, "status": check.status, "conclusion": check.conclusion, "number": 1,
             "started_at": check.started_at, "completed_at": check.completed_at},
        ],
        "labels": ["ubuntu-latest"],
    }  # fmt: skip


def status_json(repository: Repository, status: Status) -> Node:
    return {
        "id": status.id,
        "node_id": f"SC_{status.id}",
        "url": f"{repository.api}/statuses/{status.sha}",
        "context": status.context,
        "state": status.state,
        "description": status.description,
        "target_url": f"{repository.html}/statuses/{status.id}",
        "created_at": status.at,
        "updated_at": status.at,
    }


def event(repository: Repository, action: str | None, sender: str, **parts: Any) -> Node:
    """A webhook's body: the action, the parts that the event has, and who did it where."""
    named = {"action": action} if action else {}
    here = {"repository": repository_json(repository), "organization": organization_json(repository)}
    return {**named, **parts, **here, "sender": account_json(repository, sender)}


def organization_json(repository: Repository) -> Node:
    return {"login": repository.owner, "id": repository.owner_id, "node_id": f"O_{repository.owner_id}"}


def pull_event(repository: Repository, pull: Pull, action: str, sender: str = BOT, **more: Any) -> Node:
    parts: Node = {"number": pull.number, "pull_request": pull_json(repository, pull), **more}
    return event(repository, action, sender, **parts)


def status_event(repository: Repository, status: Status, branch: str, sender: str) -> Node:
    branches = [{"name": branch, "commit": {"sha": status.sha}, "protected": False}]
    shown = {**status_json(repository, status), "sha": status.sha, "name": repository.full_name, "branches": branches}
    return event(repository, None, sender, **shown)


def issue_comment_event(repository: Repository, pull: Pull, comment: Comment) -> Node:
    issue = {
        "number": pull.number,
        "title": pull.title,
        "body": pull.body,
        "state": pull.state,
        "user": account_json(repository, BOT),
        "html_url": f"{repository.html}/pull/{pull.number}",
        "labels": [],
        "pull_request": {
            "url": f"{repository.api}/pulls/{pull.number}",
            "html_url": f"{repository.html}/pull/{pull.number}",
        },
    }
    return event(repository, "created", comment.user, issue=issue, comment=comment_json(repository, pull, comment))


def pull_paths(repository: Repository, pull: Pull) -> tuple[str, ...]:
    """The canonical file of a pull request in relayfile, and the one by its number."""
    owner, name = repository.full_name.split("/")
    return (
        f"/github/repos/{owner}/{name}/pulls/{pull.number}__{slug(pull.title)}/meta.json",
        f"/github/repos/{owner}__{name}/pulls/by-id/{pull.number}.json",
    )
