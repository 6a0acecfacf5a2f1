"""Whose failure it is that a run ended: one table for each that reports one, the first row that fits decides.

What is looked at is an engine's own error fields and closing line, what it wrote before it began to work, and what git
said; never an agent's words. What no row knows is the run's own failure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from shutil import disk_usage
from typing import NamedTuple

from factory_core.runs.run import Fault

from .releases import Release

LEAST_FREE = 16 * 1024 * 1024  # bytes on a disk: with less, what fails next fails over that
_STATUS = re.compile(r"\b(?:status|error|http|returned error|api error)\b:?\s*(?:code\s*)?([1-5]\d\d)\b", re.IGNORECASE)


class Cause(NamedTuple):
    """Why a run could not work, by no fault of its own."""

    name: str
    fault: Fault
    fix: str  # by the rule of Problem.fix


class Row(NamedTuple):
    """It fits by any of its codes, statuses (5 stands for 500 to 599) or words. Without a cause the run is at fault."""

    cause: Cause | None
    codes: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()
    words: str = ""

    def fits(self, codes: frozenset[str], status: int | None, words: str) -> bool:
        by_status = status is not None and (status in self.statuses or status // 100 in self.statuses)
        found = bool(self.words) and re.search(self.words, words, re.IGNORECASE) is not None
        return bool(codes & set(self.codes)) or by_status or found


def cause_of(
    table: Sequence[Row], words: str, *, codes: frozenset[str] = frozenset(), status: int | None = None
) -> Cause | None:
    """`status`: the one that is named; else it is looked for in the words."""
    found = _STATUS.search(words)
    known = status or (int(found[1]) if found else None)
    row = next((row for row in table if row.fits(codes, known, words)), None)
    return row.cause if row else None


DISK = Cause("disk", "machine", "In the shell: free space on the disk that holds .factory (df -h)")
MEMORY = Cause("memory", "machine", "In factory.config.yaml: lower capacity.agents, or give the machine more memory")
NETWORK = Cause("network", "machine", "In the shell: look at this machine's network, proxy and certificates")
CODE_HOST = Cause("code-host", "vendor", "factory doctor")
OVERLOAD = Cause("overload", "vendor", "factory doctor")
LIMIT = Cause("limit", "vendor", "In the account of the engine: wait for the reset, or raise the limit")
CREDIT = Cause("credit", "vendor", "In the account of the engine: add credit, or raise the spending limit")
MODEL = Cause("model", "vendor", "In factory.config.yaml: set agents.model to one that the account may use")
WALL = Cause("wall", "machine", "factory doctor")

_NO_NETWORK = (
    r"ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|socket hang up|fetch failed"
    r"|unable to connect|connection (error|refused|reset|failed|timed out)|error sending request|network is unreachable"
    r"|could not resolve|dns error|failed to lookup address|certificate|\bTLS\b|\bSSL\b|proxy (connect|authentication)"
    r"|EPIPE|premature close|^(api error: )?terminated$"
)
_NO_SPACE = r"ENOSPC|no space left on device|disk quota exceeded|EROFS|read-only file system"
_NO_MEMORY = r"ENOMEM|cannot allocate memory|out of memory|EMFILE|ENFILE|too many open files"


def sign_in(command: str) -> Cause:
    return Cause("sign-in", "vendor", f"In the shell, as the factory's user: {command}")


def installation(release: Release) -> Cause:
    return Cause("installation", "machine", f"In the shell: {release.install}")


def claude_table(signed_out: Cause) -> tuple[Row, ...]:
    """Of a closing line that tells of an error: codes are its terminal reason and the kind of the last message."""
    return (
        Row(None, codes=("prompt_too_long", "max_output_tokens", "refusal"), words=r"prompt is too long"),
        Row(
            CREDIT, ("billing_error",), (402,), r"credit balance is too low|spending limit|out of (extra )?usage credit"
        ),
        Row(
            signed_out, ("authentication_failed", "oauth_org_not_allowed"), (401, 403),
            r"not logged in|invalid api key|please run /login|oauth token|organization has been disabled",
        ),
        Row(LIMIT, ("rate_limit",), (429,), r"usage limit|hit your .{0,40}limit|out of extra usage"),
        Row(MODEL, ("model_not_found", "not_found_error"), (404,), r"issue with the selected model"),
        Row(DISK, words=_NO_SPACE),
        Row(NETWORK, statuses=(407,)),
        Row(OVERLOAD, statuses=(408,)),
        Row(None, codes=("invalid_request",), statuses=(4,)),
        Row(NETWORK, words=_NO_NETWORK),
        Row(
            OVERLOAD, ("server_error", "overloaded", "overloaded_error", "unknown"), (5,),
            r"overloaded|timed? ?out",
        ),
        Row(OVERLOAD, ("api_error",)),
    )  # fmt: skip


def codex_table(signed_out: Cause, install: Cause) -> tuple[Row, ...]:
    """Of the message of a turn that failed."""
    return (
        Row(None, words=r"context (window|length)|ran out of room|maximum context|max_output_tokens|content.?filter"),
        Row(CREDIT, statuses=(402,), words=r"quota exceeded|insufficient.quota|plan and billing|out of credits"),
        Row(
            signed_out, statuses=(401, 403),
            words=r"unauthori[sz]ed|not logged in|missing environment variable|(sign|log) ?in again|refresh token"
            r"|token (is |has )?(expired|invalid|revoked)",
        ),
        Row(LIMIT, statuses=(429,), words=r"usage limit|rate limit"),
        Row(install, words=r"requires a newer version"),
        Row(
            MODEL, statuses=(404,),
            words=r"model\b.{0,80}\b(not found|does not exist|not supported)|must be verified to use the model",
        ),
        Row(DISK, words=_NO_SPACE),
        Row(NETWORK, statuses=(407,)),
        Row(OVERLOAD, statuses=(408,)),
        Row(None, statuses=(4,), words=r"invalid_request"),
        Row(NETWORK, words=_NO_NETWORK),
        Row(
            OVERLOAD, statuses=(5,),
            words=r"high demand|overloaded|at capacity|stream (disconnected|closed|error)|timed? ?out|server error"
            r"|bad gateway|service unavailable|exceeded retry limit",
        ),
    )  # fmt: skip


def start_table(signed_out: Cause, install: Cause) -> tuple[Row, ...]:
    """Of what an engine wrote on standard error when it ended before it began to work."""
    return (
        Row(WALL, words=r"^bwrap: "),
        Row(DISK, words=_NO_SPACE),
        Row(MEMORY, words=_NO_MEMORY),
        Row(
            install,
            words=r"unknown option|unexpected argument|unrecognized (option|subcommand)|invalid value .* for '"
            r"|command not found|no such file or directory|cannot execute|exec format error|permission denied"
            r"|error while loading shared libraries|GLIBC|requires node|unsupported engine",
        ),
        Row(signed_out, words=r"not logged in|invalid api key|missing environment variable|please run /login"),
        Row(NETWORK, words=_NO_NETWORK),
    )


NOT_STARTED = Cause("not-started", "machine", "factory doctor")
SYSTEM = (Row(DISK, words=_NO_SPACE), Row(MEMORY, words=_NO_MEMORY))
"""Of what the system says when a file or a process cannot be made."""

GIT = (
    Row(DISK, words=_NO_SPACE),
    Row(MEMORY, words=_NO_MEMORY),
    Row(NETWORK, words=r"could not resolve|network is unreachable|certificate|SSL|gnutls|proxy"),
    Row(
        CODE_HOST, statuses=(408, 429, 5),
        words=r"connection (refused|reset|timed out)|failed to connect|timed? ?out|early EOF|RPC failed|hung up"
        r"|unexpected disconnect|internal server error|service unavailable|kex_exchange|empty reply|transfer closed"
        r"|expected flush|bad line length|unexpected end|did not send all",
    ),
)  # fmt: skip
"""Of what git says of a call to the code host; that it refuses a credential is known before."""


class Machine(NamedTuple):
    """What the kernel had done for lack of memory when the run began."""

    kills: int

    @classmethod
    def now(cls) -> Machine:
        return cls(_kills())

    def cause(self, where: Path) -> Cause | None:
        """What the machine lacked meanwhile, or lacks now."""
        if self.kills < _kills():
            return MEMORY
        try:
            return DISK if disk_usage(where).free < LEAST_FREE else None
        except OSError:
            return None


def _kills() -> int:
    """Processes that the kernel has killed for lack of memory, since it was started; 0 where it does not tell."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
