"""Runs inside a network of its own, where only loopback is: the fleet, a real command line and the stand-in of its API.

`python play_real_engines.py claude|codex FOLDER` prints one JSON document: scenario → what was found.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import socket
import struct
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from fleet_stand import code_host, fleet, git, living, order, until
from model_stub import ModelStub

from adapters.fleets.local_engines.claude import Claude
from adapters.fleets.local_engines.codex import Codex
from adapters.fleets.local_engines.engine import Engine
from factory_core.dispatch.model_verdict import ANSWER_SCHEMA
from factory_core.runs.run import RunReport

BIN = Path(__file__).with_name("real_engines") / "node_modules/.bin"
CODEX = """
model = "gpt-5.5"
model_provider = "stub"
[model_providers.stub]
name = "stub"
base_url = "{url}/v1"
env_key = "STUB_KEY"
wire_api = "responses"
request_max_retries = 1
stream_max_retries = 1
"""


def loopback_up() -> None:
    """Raise the `lo` of this network namespace: SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP (netdevice(7))."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sh14x", b"lo", 0)
        (flags,) = struct.unpack("16xh14x", fcntl.ioctl(sock, 0x8913, request))
        fcntl.ioctl(sock, 0x8914, struct.pack("16sh14x", b"lo", flags | 1))


def engine(name: str, url: str, folder: Path) -> Engine:
    if name == "claude":
        around = {
            "ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "dummy", "CLAUDE_CONFIG_DIR": str(folder / "claude"),
            "CLAUDE_CODE_MAX_RETRIES": "1",
        }  # fmt: skip
        return Claude(binary=str(BIN / "claude"), extra_environment=around)
    (folder / "codex").mkdir()
    (folder / "codex/config.toml").write_text(CODEX.format(url=url))
    return Codex(
        binary=str(BIN / "codex"), extra_environment={"CODEX_HOME": str(folder / "codex"), "STUB_KEY": "dummy"}
    )


async def play(name: str, folder: Path) -> Mapping[str, Any]:
    """Seven runs, one after the other; all but the one that answers are of one item."""
    stub, bare, found = ModelStub(), code_host(folder), dict[str, Any]()
    home, engines = folder / "home", {name: engine(name, stub.url, folder)}
    made, reports = fleet(home, engines=engines, idle_after=timedelta(minutes=2))  # a first start may be slow
    number = 0

    async def run(scenario: str, stop: bool = False, **changes: Any) -> RunReport:
        nonlocal number
        number += 1
        before = len(reports)
        one = order(bare, run_id=f"ACME-142:{number}", engine=name, **changes)
        await made.start(one)
        if stop:
            await until(lambda: living("time.sleep(77)"))
            await made.stop(one.run_id)
        await until(lambda: len(reports) > before, within=240)
        found[scenario] = json.loads(reports[-1].model_dump_json())
        return reports[-1]

    first = await run("work", task="-- Rename the button.\n" + "long " * 40_000 + "THE-END")
    found["task arrived whole"] = any("THE-END" in body for body in stub.asked)
    found["files"] = git(folder / "home/trees/ACME-142", "show", "--name-only", "--format=", "HEAD").split()
    stub.words = "QUESTION: Which colour?"
    await run("asked in the same session", previous_run=first.run_id, resume=first.session)
    stub.words = json.dumps({"verdict": "ask", "question": "Which?", "evidence": [{"quote": "q", "path": "README.md"}]})
    await run("answers", answer_schema=ANSWER_SCHEMA, work_item_id="ACME-143")
    found["refused"] = stub.asked[-1:]
    found["pushed"] = git(bare, "for-each-ref", "--format=%(refname)").split()
    stub.mood = "limited"
    await run("limited")
    stub.limit = 6 * 24
    await run("limited for days")
    stub.mood = "long"
    await run("stopped", stop=True)
    found["left behind"] = living("time.sleep(77)")
    await made.close()
    made, reports = fleet(home, engines=engines, idle_after=timedelta(seconds=6))
    stub.mood = "hang"
    await run("silent")
    await made.close()
    return found


if __name__ == "__main__":
    loopback_up()
    print(json.dumps(asyncio.run(play(sys.argv[1], Path(sys.argv[2])))))
