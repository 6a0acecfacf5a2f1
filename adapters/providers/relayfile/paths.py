"""What a file's path alone tells. Pure. One issue has many paths: the canonical file and its aliases (`by-…`)."""

from __future__ import annotations

import re
from typing import NamedTuple

_KEY = r"([A-Za-z0-9_]+-[0-9]+)"
_UUID = r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
_CANONICAL = re.compile(rf"/linear/issues/{_KEY}(?:__(?:{_UUID}|[^/]+))?(?:/meta(?:data)?)?\.json")
_BY_UUID = re.compile(rf"/linear/issues/by-uuid/{_UUID}\.json")
_NAMED_BY_KEY = re.compile(rf"/linear/issues/by-(?:id|state/[^/]+)/{_KEY}(?:__[^/]+)?\.json")
_ALIAS = re.compile(r"/linear/issues/by-[a-z]+/.+\.json")
_REPLY = re.compile(
    r"/slack/channels/([A-Z0-9]+)(?:__[^/]*)?/(?:threads|messages)/(?:[^/]*--)?([0-9]+[._][0-9]+)"
    r"/replies/([0-9]+[._][0-9]+)(?:/meta)?\.json"
)
_REPOSITORY = re.compile(r"/github/repos/([A-Za-z0-9-]+(?:_[A-Za-z0-9]+)?)(?:/|__)([\w.-]+?)/")
ROOTS = ("/linear/issues/", "/slack/channels/", "/github/repos/")


def vendor_of(path: str) -> str:
    """Whose object the file is, where the factory has a use for it; else nothing. An index is nobody's object."""
    ours = path.startswith(ROOTS) and not path.endswith("/_index.json")
    return path.split("/", 2)[1] if ours else ""


def canonical_key(path: str) -> str:
    """The issue's key in its one canonical path, or nothing."""
    match = _CANONICAL.fullmatch(path)
    return match[1] if match else ""


def issue_id(path: str) -> str:
    """The issue's own id, where the path tells it."""
    match = _CANONICAL.fullmatch(path)
    return (match and match[2]) or next(iter(_BY_UUID.findall(path)), "")


def issue_key(path: str) -> str:
    """The issue's key, where the path tells it; a title in a path may look like a key, so those are not read."""
    match = _NAMED_BY_KEY.fullmatch(path)
    return match[1] if match else canonical_key(path)


def is_issue(path: str) -> bool:
    """Is it an issue's file, by whichever name? Below an issue lie comments and drafts, which are none."""
    return bool(issue_key(path) or _ALIAS.fullmatch(path))


class ReplyPath(NamedTuple):
    channel: str
    thread_ts: str
    ts: str


def reply_in(path: str) -> ReplyPath:
    """Channel and time stamps of a thread's reply; empty where the path does not say. Files spell `.` as `_`."""
    match = _REPLY.fullmatch(path)
    return (
        ReplyPath(match[1], match[2].replace("_", "."), match[3].replace("_", ".")) if match else ReplyPath("", "", "")
    )


def repository_in(path: str) -> str:
    """`owner/name` of a GitHub object: `owner/name/…` in canonical paths, `owner__name/…` in aliases."""
    match = _REPOSITORY.match(path)
    return f"{match[1]}/{match[2]}" if match else ""
