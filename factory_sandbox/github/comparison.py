"""What one commit changes since it left another, as GitHub lists it.

https://docs.github.com/rest/commits/commits#compare-two-commits
"""

from __future__ import annotations

import re
from pathlib import Path

from ..node import Node
from .git import attempt, git

MOST_FILES = 300
_STATUS = {"A": "added", "D": "removed", "M": "modified", "T": "changed", "R": "renamed", "C": "copied"}


async def compare(repository: Path, base: str, head: str) -> Node | None:
    """None where one is unknown, or they have no commit in common. A removed file has its last content's sha."""
    code, fork = await attempt(repository, "merge-base", base, head)
    if code or not fork:
        return None
    raw = await git(repository, "diff", "--raw", "-z", "--abbrev=40", "-M", fork, head)
    patches = await git(repository, "diff", "--no-color", "-M", fork, head)
    texts = re.split(r"^diff --git .*\n", patches, flags=re.MULTILINE)[1:]
    files, tokens, number = [], iter(raw.split("\0")), 0
    for about in tokens:
        if not about:
            continue
        _, _, before, after, kind = about.lstrip(":").split(" ")
        former = next(tokens) if kind[0] in "RC" else ""
        name, status = next(tokens), _STATUS[kind[0]]
        lines = texts[number] if number < len(texts) else ""
        number += 1
        files.append(
            {
                "filename": name,
                "status": status,
                "sha": before if status == "removed" else after,
                **({"previous_filename": former} if former else {}),
                **({"patch": lines[lines.index("@@") :].rstrip("\n")} if "@@" in lines else {}),
            }
        )
    ahead = (await git(repository, "rev-list", "--count", f"{base}..{head}")) or "0"
    behind = (await git(repository, "rev-list", "--count", f"{head}..{base}")) or "0"
    status = ("diverged" if int(behind) else "ahead") if int(ahead) else ("behind" if int(behind) else "identical")
    return {
        "status": status,
        "ahead_by": int(ahead),
        "behind_by": int(behind),
        "merge_base_commit": {"sha": fork},
        "files": files[:MOST_FILES],
    }
