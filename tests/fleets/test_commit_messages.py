"""What an agent writes into its commits acts nowhere when they are pushed."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fleet_stand import DONE, code_host, fleet, git, order, program, until

from adapters.fleets.local_engines.claude import Claude

BRANCH = "factory/ACME-142-rename"
SAYS = """
def commit(name, *message):
    open(name, "a").write("x\\n")
    subprocess.run(["git", "add", "-A"], check=True)
    subprocess.run(["git", "commit", "-q", *[part for text in message for part in ("-m", text)]], check=True)
commit("a.txt", "ACME-142: rename", "Closes #12, fixes ACME-9 [skip ci]", "Signed-off-by: Maya <m@x.io>")
commit("b.txt", "Use amount in the page")
os.environ |= {"GIT_AUTHOR_NAME": "CEO", "GIT_AUTHOR_EMAIL": "ceo@acme.example", "GIT_COMMITTER_NAME": "Maya\u202e"}
commit("c.txt", "Approved")
utf_7 = ["-c", "i18n.commitEncoding=utf-7"]
subprocess.run(["git", *utf_7, "commit", "-q", "--allow-empty", "-m", "+AEA-all"], check=True)
open("README.md", "w").write("left over")
"""
SAFE = "ACME-142: rename\n\nCloses # 12, fixes ACME 9 (skip ci)\n\nSigned-off-by – Maya <m@x.io>"


def test_messages_of_an_agent_are_made_safe_before_they_are_pushed(tmp_path: Path) -> None:
    """Trees, dates and their order stay; what was harmless and is published is not written again."""
    bare = code_host(tmp_path)
    engines = {"claude": Claude(binary=str(program(tmp_path / "bin" / "claude", SAYS + DONE)))}
    home = tmp_path / "home"

    async def play(run_id: str, **changes: object) -> str:
        made, reports = fleet(home, engines=engines)
        await made.start(
            order(bare, engine="claude", run_id=run_id, key="ACME-142", work_item_id="linear:7", **changes)
        )
        await until(lambda: reports)
        head = await made.publish(run_id)
        await made.close()
        assert reports[0].status == "succeeded", reports
        return head

    first = asyncio.run(play("R-1"))
    told = git(bare, "log", "--reverse", "--format=%B%x00", "main.." + BRANCH).split("\0")
    assert [message.strip() for message in told if message.strip()] == [
        SAFE,
        "Use amount in the page",
        "Approved",
        "+AEA-all",
        "Work on ACME-142",
    ]
    tree = next(path for path in (home / "trees").glob("linear-*") if path.is_dir())
    assert git(tree, "rev-parse", "HEAD", BRANCH).split() == [first, first] and git(tree, "status", "--porcelain") == ""
    people = git(bare, "log", "--format=%an %ae %cn %ce%e", f"main..{BRANCH}").splitlines()
    assert set(people) == {"factory factory@localhost factory factory@localhost"} and len(people) == 5
    second = asyncio.run(play("R-2", previous_run="R-1"))
    assert git(bare, "merge-base", first, second) == first
