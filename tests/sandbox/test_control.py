"""The control API describes itself, and the documentation names what is there."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from tests.sandbox.stand import served

PAGE = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()


def test_every_command_is_listed_with_what_it_does_and_takes() -> None:
    """Where it is, its first sentence, its arguments with their types."""

    async def run() -> None:
        async with served() as stage:
            commands = {row["command"]: row for row in (await stage.get("/_/"))["commands"]}
            moved = commands["POST /_/linear/moves"]
            assert moved["arguments"] == {"key": "str", "team": "str", "user": "str = 'Ada'"}
            assert moved["about"].startswith("To another team")
            assert all(set(row) == {"command", "about", "arguments"} for row in commands.values())
            assert "github" not in commands["POST /_/github/renames"]["arguments"]
            lacking = [name for name, row in commands.items() if not row["about"]]
            assert lacking == []

    asyncio.run(run())


def test_the_page_about_the_sandbox_names_real_commands() -> None:
    """Each path in docs/sandbox.md is a command or the state."""

    async def run() -> None:
        async with served() as stage:
            known = {row["command"].partition(" ")[2] for row in (await stage.get("/_/"))["commands"]}
            named = set(re.findall(r"/_/[a-z-]+(?:/[a-z-]+)?", PAGE))
            assert len(named) > 20 and named <= known, named - known

    asyncio.run(run())
