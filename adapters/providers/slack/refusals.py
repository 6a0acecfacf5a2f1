"""What Slack's refusals mean: its one table, by the `error` of an answer with `ok: false`.

https://docs.slack.dev/reference/methods/chat.postMessage#errors, and the same section of each conversations method
"""

# ruff: noqa: E501 (a table)
from __future__ import annotations

from typing import Any

from factory_core.payload import text

from ..refusal_table import Known, Read, Row, Table

CONNECT = "factory connect slack"
DOCTOR = "factory doctor slack"
_INVITE = "In Slack: invite the factory's app to the channel"
_ON_TICKET = "In Slack: the question's thread cannot be answered any more; answer on the ticket instead"

TABLE = Table("Slack", (
    Row("limit", "limit", codes=("ratelimited", "rate_limited"), fix="factory check"),
    Row("message-limit", "limit", codes=("message_limit_exceeded",), fix="factory check", after=60.0),
    Row("fault", "passing",
        codes=("internal_error", "fatal_error", "service_unavailable", "request_timeout"),
        fix="factory check"),
    Row("migration", "passing", codes=("org_login_required", "team_added_to_org"),
        why="the workspace is being moved to an Enterprise organization: {error}", fix="factory check", after=600.0),
    Row("unavailable", "passing", (408, 425, 429, *range(500, 600)), fix="factory check"),
    Row("token", "lost",
        codes=("not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired"),
        fix=CONNECT),
    Row("unauthorized", "lost", (401,), fix=CONNECT),
    Row("scope", "permission", codes=("missing_scope",), why="the token lacks the scope {needed}", fix=CONNECT),
    Row("not-permitted", "permission",
        codes=("no_permission", "not_allowed_token_type", "access_denied", "enterprise_is_restricted"),
        fix=CONNECT),
    Row("workspace-access", "permission", codes=("team_access_not_granted", "team_not_found"),
        fix="In Slack: let the factory's app into this workspace of the organization"),
    Row("network", "never", codes=("accesslimited",), fix="In Slack: allow the network address of this machine for the app"),
    Row("posting-suspended", "never", codes=("ekm_access_denied",),
        fix="In Slack: an administrator suspended posting; ask them to allow it again"),
    Row("two-factor", "never", codes=("two_factor_setup_required",), fix="In Slack: set up two-factor sign-in for the account"),
    Row("channel", "never", codes=("channel_not_found", "invalid_channel"),
        fix=f"{_INVITE}, and set slack.channel to the channel's id"),
    Row("not-a-member", "never", codes=("not_in_channel",), fix=_INVITE),
    Row("archived", "never", codes=("is_archived", "channel_is_archived"),
        fix="In Slack: restore the channel, or name another one as slack.channel"),
    Row("thread", "never",
        codes=("thread_not_found", "cannot_reply_to_message", "message_not_found", "restricted_action_thread_locked",
               "restricted_action_non_threadable_channel"),
        fix=_ON_TICKET),
    Row("restricted", "never",
        codes=("restricted_action", "restricted_action_read_only_channel", "restricted_action_thread_only_channel",
               "user_is_restricted", "user_is_ultra_restricted", "not_allowed", "method_not_supported_for_channel_type",
               "messages_tab_disabled", "channel_type_not_supported"),
        fix="In Slack: let the factory's app post in the channel, or name another one as slack.channel"),
    Row("too-long", "never",
        codes=("msg_too_long", "msg_blocks_too_long", "metadata_too_large", "too_many_attachments", "too_many_contact_cards"),
        why="the message is too large: {error}", fix=DOCTOR),
    Row("message", "never",
        codes=("no_text", "invalid_blocks", "invalid_blocks_format", "invalid_attachments", "invalid_metadata_format",
               "invalid_metadata_schema", "metadata_must_be_sent_from_app", "markdown_text_conflict",
               "slack_connect_file_link_sharing_blocked", "slack_connect_canvas_sharing_blocked",
               "slack_connect_lists_sharing_blocked", "as_user_not_supported"),
        fix=DOCTOR),
    Row("call", "never",
        codes=("invalid_arguments", "invalid_arg_name", "invalid_array_arg", "invalid_charset", "invalid_form_data",
               "invalid_post_type", "missing_post_type", "missing_argument", "missing_charset", "superfluous_charset",
               "invalid_cursor", "invalid_limit", "invalid_ts_latest", "invalid_ts_oldest", "invalid_json", "json_not_object",
               "duplicate_channel_not_found", "duplicate_message_not_found"),
        fix=DOCTOR),
    Row("retired", "never", codes=("deprecated_endpoint", "method_deprecated", "unknown_method", "not_implemented"),
        why="Slack does not offer this method any more: {error}", fix=DOCTOR),
    Row("refused", "never", fix=DOCTOR),
))  # fmt: skip
"""A refusal that no row knows is final: Slack has not posted anything."""


def read(status: int, body: dict[str, Any], after: float | None) -> Known:
    """The row of an answer that is a refusal."""
    error = text(body, "error")[:80]
    about = {"error": error, "needed": text(body, "needed") or "?"}
    return TABLE.look_up(Read(error or f"it answered {status}", status, frozenset((error,)), after, about))
