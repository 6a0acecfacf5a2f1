"""Running git on a bare repository, without anybody's own configuration."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

WHO = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Sandbox"), ("EMAIL", "sandbox@example.com"))
}
ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "LC_ALL": "C.UTF-8",
    **WHO,
}


class GitFailed(Exception):
    """git's exit code was not 0; the text is its error output."""


async def run(command: list[str], environment: dict[str, str], body: bytes = b"") -> tuple[int, bytes, bytes]:
    """Exit code, output and errors of one process that gets `body` on its input."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(body)
    return process.returncode or 0, out, err


async def attempt(repository: Path, *arguments: str, body: bytes = b"") -> tuple[int, str]:
    """Exit code and output, stripped, of a git command whose failure is an answer."""
    code, out, _ = await run(["git", "-C", str(repository), *arguments], ENVIRONMENT, body)
    return code, out.decode("utf-8", "replace").strip()


async def git(repository: Path, *arguments: str, body: bytes = b"") -> str:
    """The output, stripped; raises GitFailed."""
    code, out, err = await run(["git", "-C", str(repository), *arguments], ENVIRONMENT, body)
    if code:
        raise GitFailed(f"git {arguments[0]}: {err.decode('utf-8', 'replace').strip()}")
    return out.decode("utf-8", "replace").strip()


async def create_bare(path: Path, files: dict[str, str], branch: str = "main") -> str:
    """A new bare repository whose first commit holds these files; gives the commit."""
    init = ["git", "init", "--quiet", "--bare", f"--initial-branch={branch}", str(path)]
    code, _, err = await run(init, ENVIRONMENT)
    if code:
        raise GitFailed(f"git init: {err.decode('utf-8', 'replace').strip()}")
    await git(path, "fast-import", "--quiet", "--date-format=now", body=_first_commit(files, branch))
    return await git(path, "rev-parse", branch)


def _first_commit(files: dict[str, str], branch: str) -> bytes:
    """What git fast-import reads. https://git-scm.com/docs/git-fast-import"""
    who = f"{WHO['GIT_COMMITTER_NAME']} <{WHO['GIT_COMMITTER_EMAIL']}>"
    head = f"commit refs/heads/{branch}\ncommitter {who} now\n".encode() + _data("Initial commit")
    return head + b"".join(f"M 100644 inline {name}\n".encode() + _data(text) for name, text in files.items())


def _data(text: str) -> bytes:
    content = text.encode()
    return f"data {len(content)}\n".encode() + content + b"\n"


async def branches(repository: Path) -> dict[str, str]:
    """Each branch and the commit at its tip."""
    listing = await git(repository, "for-each-ref", "--format=%(objectname) %(refname:lstrip=2)", "refs/heads")
    pairs = (line.split(" ", 1) for line in listing.splitlines())
    return {name: sha for sha, name in pairs}
