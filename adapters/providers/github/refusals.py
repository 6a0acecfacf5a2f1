"""What GitHub's refusals mean: its one table, for REST, GraphQL and the words in which a merge is refused.

https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api
https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
GitHub documents few of the words; a row quotes as little of them as tells it apart from the others.
"""

# ruff: noqa: E501 (a table)
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from factory_core.dispatch.refusal import Refusal
from factory_core.payload import rows, text

from ..refusal_table import UNDER_WAY, Known, Read, Row, Table, graphql_errors, joined

CONNECT = "factory connect github"
LEAST_PAUSE = 60.0  # seconds, for a limit without a header that says when it ends
MERGE = "merge"  # the code of a refusal to merge, to enqueue or to update a branch, whatever its status
DOCTOR = "factory doctor github"
_RULES = "In GitHub: look at the rules of branch {base} in {repository}"
_REVIEW = "In GitHub: review the pull request, or merge it"

TABLE = Table("GitHub", (
    # limits, and faults of GitHub's own
    Row("limit", "limit", codes=("RATE_LIMIT", "RATE_LIMITED", "graphql_rate_limit"),
        why="its rate limit is used up", fix="factory check", after=LEAST_PAUSE),
    Row("used-up", "limit", (403, 429), codes=("x-ratelimit-remaining: 0",),
        why="its rate limit is used up", fix="factory check", after=LEAST_PAUSE),
    Row("pause", "limit", (403, 429), codes=("retry-after",),
        why="its rate limit is used up", fix="factory check", after=LEAST_PAUSE),
    Row("content-limit", "limit", words=r"temporarily blocked", fix="factory check", after=5 * LEAST_PAUSE),
    Row("secondary-limit", "limit", words=r"secondary rate limit|abuse detection|too many requests",
        fix="factory check", after=LEAST_PAUSE),
    Row("rate-limit", "limit", (200, 400, 403, 429), words=r"rate limit", fix="factory check", after=LEAST_PAUSE),
    Row("too-quickly", "limit", words=r"submitted too quickly", fix="factory check", after=LEAST_PAUSE),
    Row("sign-in-attempts", "limit", (403,), words=r"maximum number of login attempts",
        fix=CONNECT, after=10 * LEAST_PAUSE),
    Row("migration", "passing", words=r"locked for migration|being migrated", fix="factory check",
        after=10 * LEAST_PAUSE),
    Row("outage", "passing", codes=("SERVICE_UNAVAILABLE", "INTERNAL", "INTERNAL_SERVER_ERROR", "TIMEOUT"),
        fix="factory check"),
    Row("fault", "passing", (408, 423, 425, *range(500, 600)), fix="factory check"),
    Row("query-failed", "passing", words=r"something went wrong|couldn.t respond to your request in time|timed? ?out",
        fix="factory check"),

    # the credential
    Row("token", "lost", (401,), fix=CONNECT),
    Row("unauthenticated", "lost", codes=("UNAUTHENTICATED",), fix=CONNECT),
    Row("bad-credentials", "lost", words=r"^bad credentials|token (has )?(expired|been revoked)", fix=CONNECT),
    Row("suspended", "lost", (403,), words=r"(account|installation)\b.*\bsuspended", fix=CONNECT),

    # the repository
    Row("archived", "never", words=r"archived so (it )?is read-only|repository (was|is|has been) archived",
        fix="In GitHub: unarchive {repository}, or name another repository in factory.config.yaml"),
    Row("blocked", "never", (451,), why="GitHub has blocked the repository: {reason}",
        fix="In GitHub: open {repository}, which says why it is blocked"),
    Row("access-blocked", "never",
        words=r"(repository|organization) access (is |was )?blocked|(repository|organization) (is|was|has been) (disabled|flagged)|dmca",
        fix="In GitHub: open {repository}, which says why it is blocked"),
    Row("moved", "never", (301, 302, 303, 307, 308), why="the repository was renamed or moved to another host",
        fix="In factory.config.yaml: name the repository as GitHub names it today"),

    # what the token may do
    Row("sso", "permission", codes=("x-github-sso",), why="the organization requires single sign-on",
        fix="In GitHub: authorize the factory's token for the organization's single sign-on"),
    Row("saml", "permission", words=r"saml|single sign-on", why="the organization requires single sign-on",
        fix="In GitHub: authorize the factory's token for the organization's single sign-on"),
    Row("ip-allow-list", "permission", words=r"ip allow list",
        fix="In GitHub: add the address of this machine to the organization's IP allow list"),
    Row("app-restrictions", "permission", words=r"(oauth )?app(lication)? access restrictions",
        fix="In GitHub: approve the factory's app for the organization"),
    Row("token-kind", "permission", words=r"forbids access via a",
        fix="In GitHub: make a token of the kind that the organization allows, then run factory connect github"),
    Row("workflow-scope", "permission", words=r"create or update workflow",
        fix="In GitHub: let the factory's token change workflows, or leave .github/workflows to people"),
    Row("scopes", "permission", codes=("INSUFFICIENT_SCOPES",), fix=CONNECT),
    Row("not-accessible", "permission", words=r"not accessible by (integration|personal access token)|must have (push|admin|write)",
        why="the token lacks {permissions}: {words}", fix=CONNECT),

    # merging: what is in progress, and what the merge queue says
    Row("not-queued", "wait-for-people", words=r"(cannot|can.t|could not|must pass).*(add|enter|enqueue).*merge queue|merge queue is paused",
        fix="In GitHub: look at the merge queue of branch {base} in {repository}"),
    Row("queue-required", "enqueue",
        words=r"(must|requires?|required|through|uses|set by)\b.*merge queue|merge queue (is )?required",
        fix="In GitHub: add the pull request to the merge queue"),
    Row("queued", "under-way", words=r"(in|to) (the|a) merge queue|already (in (the|a)|queued)|queued (for|to) merg",
        fix="In GitHub: look at the merge queue of branch {base} in {repository}", after=UNDER_WAY),
    Row("queue", "enqueue", words=r"merge queue", fix="In GitHub: add the pull request to the merge queue"),
    Row("up-to-date", "under-way", words=r"no new commits on the base", fix=_RULES, after=UNDER_WAY),
    Row("auto-merge-unneeded", "unneeded",
        words=r"(clean|unstable|has_hooks) status|protected branch rules not configured|can.t enable auto-merge", fix=_RULES),
    Row("no-auto-merge", "never", words=r"auto[- ]merge is not (allowed|enabled)",
        fix="In GitHub: allow auto-merge in the settings of {repository}, or set merge.auto to false"),

    # merging: people, before the branch, for a review is what is missing where both are
    Row("code-owner", "wait-for-people", words=r"code ?owner", fix="In GitHub: ask a code owner to review the pull request"),
    Row("review", "wait-for-people",
        words=r"approving review|reviews? (is |are )?required|required review|requires? (an )?approv|approval|must be approved"
              r"|last pusher|changes (were |have been |are )?requested|requesting changes",
        fix=_REVIEW),
    Row("conversation", "wait-for-people", words=r"(conversations?|comments|threads) must be resolved|unresolved conversation",
        fix="In GitHub: resolve the conversations of the pull request"),
    # merging: the branch
    Row("behind", "update-branch",
        words=r"out[- ]of[- ]date|not up[- ]to[- ]date|must be up[- ]to[- ]date|is behind|mergeable_state: behind",
        fix="In GitHub: update the branch of the pull request, or let {base} use a merge queue"),
    Row("head-moved", "later", words=r"head (branch|ref|sha|oid|commit|moved).*|expected[ _]head|no head commit",
        fix="factory check", after=0.0),
    Row("over", "later", words=r"(is|not) (closed|merged|open\b)|already (been )?(merged|closed)",
        fix="factory check", after=0.0),
    Row("base-moved", "later", words=r"base branch was modified|merge already in progress", fix="factory check"),
    Row("no-rebase", "never", words=r"can(no|.)t be (safely |cleanly )?rebased|cannot be rebased|rebase is not possible",
        fix="In factory.config.yaml: set merge.method to squash"),
    Row("conflict", "fix-conflict",
        words=r"merge conflict|has conflicts|conflicts? (with|between)|cleanly (merged|created)|mergeable_state: dirty",
        fix="In GitHub: merge {base} into the branch and solve the conflicts"),

    # merging: the method
    Row("method-allowed", "never", words=r"\(allowed: (?P<allowed>\w+)", fix="In factory.config.yaml: set merge.method to {allowed}"),
    Row("method", "never",
        words=r"(merge commits|squash(ed)? (merges|commits)|rebase(d)? merges|merges) are not allowed|merge method\b.*\bnot allowed",
        fix="In factory.config.yaml: set merge.method to one that the repository allows"),
    Row("merge-commits", "never", words=r"must not contain merge commits|linear history",
        fix="In factory.config.yaml: set merge.method to squash"),
    Row("signatures", "never", words=r"verified signatures|must be signed",
        fix="In factory.config.yaml: set merge.method to squash, which GitHub signs, or let a person merge it"),

    # merging: people, further
    Row("deployment", "wait-for-people", words=r"required deployment|must be (successfully )?deployed|deployed to|deployments? (is|are) required",
        fix="In GitHub: approve the deployments that {base} requires"),
    Row("draft", "wait-for-people", words=r"\bdraft\b", fix="In GitHub: mark the pull request as ready for review"),
    Row("checks-failed", "wait-for-people",
        words=r"(required )?(status )?checks?\b.*\b(failing|failed|not succeeded|unsuccessful|cancelled)|mergeable_state: blocked"
              r"|code scanning results",
        fix=_REVIEW),
    Row("checks-pending", "later",
        words=r"(checks?|workflows?|scanning)\b.*\b(expected|pending|in progress|queued|waiting|running|not completed|not finished)"
              r"|waiting for (status|check|results)",
        fix=_RULES),
    Row("protected", "wait-for-people",
        words=r"rule violations|locked branch|protected (branch|ref)|not auth?ori[sz]ed to (push|merge)|base branch policy"
              r"|through a pull request|branch protection",
        fix=_RULES),
    Row("not-mergeable", "later", words=r"not mergeable|mergeable state|mergeability|mergeable_state: |unstable state", fix=_RULES),
    Row("unknown-merge", "later", codes=(MERGE,), fix=_RULES),

    # opening a pull request, and everything else
    Row("base-gone", "never", codes=("base:invalid",), why="the base branch {base} does not exist in {repository}",
        fix="In factory.config.yaml: set repositories.{repository}.base to a branch that exists"),
    Row("not-pushed", "passing", codes=("head:invalid", "head_sha:missing_field"),
        why="the branch {branch} is not in {repository}: it was not pushed, or GitHub does not show it yet",
        fix="factory check", after=LEAST_PAUSE),
    Row("nothing-to-merge", "never", words=r"no commits between",
        fix="In GitHub: compare {branch} with {base}, which has everything that is on it"),
    Row("exists", "never", words=r"pull request already exists", fix="In GitHub: look at the pull requests of branch {branch}"),
    Row("collaborators-only", "permission", words=r"limited to collaborators|restricted to", fix=CONNECT),
    Row("unsupported", "never", codes=("undefinedField", "undefinedType", "argumentNotAccepted"),
        fix="In GitHub: update the Enterprise Server"),
    Row("unknown-field", "never", words=r"cannot query field|doesn.t exist on type|unknown (type|argument)",
        fix="In GitHub: update the Enterprise Server"),
    Row("missing", "never", (404, 410), why="it does not exist, or the token may not see it",
        fix="In GitHub: give the factory's account access to {path}"),
    Row("not-found", "never", codes=("NOT_FOUND",), fix="In GitHub: give the factory's account access to {repository}"),
    Row("permission", "permission", (403,), codes=("x-accepted-github-permissions",), why="the token lacks {permissions}",
        fix=CONNECT),
    Row("forbidden", "permission", (403,), why="not permitted: {words}", fix=CONNECT),
    Row("forbidden-query", "permission", codes=("FORBIDDEN",), why="not permitted: {words}", fix=CONNECT),
    Row("too-large", "never", (413, 414), why="the request is too large: {words}", fix=DOCTOR),
    Row("refused", "never", fix=DOCTOR),
))  # fmt: skip
"""Limits come first: a limit may come with any other words. A refusal that no row knows is final, and one to merge
is tried again with growing pauses."""


def read(
    status: int, headers: Mapping[str, str], document: Any, after: float | None, about: Mapping[str, str]
) -> Known:
    """The row of a REST or GraphQL response that is a refusal."""
    errors = graphql_errors(document)
    errors += [(one, ()) for one in rows(document, "errors") if isinstance(one, str)]
    errors += [(text(document, "errors"), ())] if text(document, "errors") else []
    fields = [f"{text(row, 'field')}:{text(row, 'code')}" for row in rows(document, "errors")]
    words = joined([text(document, "message"), *(message for message, _ in errors)])
    if not any(message for message, _ in errors):
        words = joined([words, *(field for field in fields if field != ":")])
    permissions = headers.get("x-accepted-github-permissions", "")
    codes = {code for _, given in errors for code in given} | set(fields)
    codes |= {name for name in ("x-github-sso", "retry-after", "x-accepted-github-permissions") if headers.get(name)}
    if headers.get("x-ratelimit-remaining") == "0":
        codes.add("x-ratelimit-remaining: 0")
    reason = text(document, "block", "reason") or words or "it gave no reason"
    named = {"words": words or "it gave no reason", "permissions": permissions or "a permission", "reason": reason}
    return TABLE.look_up(Read(words, status, frozenset(codes), after, {**named, **about}))


def of_merge(words: str) -> Refusal:
    """What these words mean, as merge(), update_branch() or enqueue() gave them."""
    return TABLE.look_up(Read(words, codes=frozenset((MERGE,)))).refusal()
