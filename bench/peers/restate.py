"""Restate: a workflow that asks in a step, awaits a durable promise, and ends in a step; its server beside it.

https://docs.restate.dev/develop/python/serving · https://docs.restate.dev/develop/python/external-events
The service runs under Hypercorn with the settings that the first page gives for production; one worker, as the
service's own work is small. The server is the released binary on its defaults (its log is fsynced), with telemetry off.
"""

from __future__ import annotations

from time import perf_counter

BEGUN = perf_counter()

import json  # noqa: E402
import sys  # noqa: E402
from collections.abc import AsyncIterator  # noqa: E402
from contextlib import ExitStack, asynccontextmanager  # noqa: E402
from pathlib import Path  # noqa: E402

import restate  # noqa: E402

from ..processes import ROOT, free_port, listening  # noqa: E402
from ..workload import ANSWER, TICKET  # noqa: E402
from .session import main  # noqa: E402
from .wire import Wire  # noqa: E402

PACKAGES = ROOT / ".bench" / "node_modules" / "@restatedev"
HYPERCORN = """
bind = "127.0.0.1:{port}"
h2_max_concurrent_streams = 2147483647
keep_alive_max_requests = 2147483647
keep_alive_timeout = 2147483647
workers = 1
"""
lifecycle = restate.Workflow("lifecycle")


@lifecycle.main()
async def run(context: restate.WorkflowContext, ticket: dict[str, str]) -> str:
    await context.run_typed("ask", lambda: f"asked about {ticket['title']}")
    answer = await context.promise("answer", type_hint=str).value()
    return await context.run_typed("finish", lambda: f"done: {answer}")


@lifecycle.handler()
async def answer(context: restate.WorkflowSharedContext, text: str) -> None:
    await context.promise("answer", type_hint=str).resolve(text)


app = restate.app([lifecycle])


class Peer:
    def __init__(self, pids: tuple[int, ...], ingress: Wire, directory: Path) -> None:
        self.pids, self._ingress, self._directory = pids, ingress, directory

    async def start(self, key: str) -> None:
        await self._ingress.call("POST", f"/lifecycle/{key}/run/send", TICKET)

    async def resume(self, key: str) -> None:
        await self._ingress.call("POST", f"/lifecycle/{key}/answer", ANSWER)
        ended = await self._ingress.call("GET", f"/restate/workflow/lifecycle/{key}/attach")
        assert json.loads(ended).startswith("done"), ended

    def bytes_on_disk(self) -> int:
        return sum(file.stat().st_size for file in self._directory.rglob("*") if file.is_file())


@asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[Peer]:
    ports = [free_port() for _ in range(4)]
    service, ingress, admin, node = ports
    (directory / "hypercorn.toml").write_text(HYPERCORN.format(port=service))
    data = directory / "data"
    with ExitStack() as stack:
        served = [
            sys.executable,
            "-m",
            "hypercorn",
            "--config",
            directory / "hypercorn.toml",
            "bench.peers.restate:app",
        ]
        hears = stack.enter_context(listening([str(word) for word in served], service))
        program = next(PACKAGES.glob("restate-server-*/bin/restate-server"))
        server = [str(program), "--no-logo", "--base-dir", str(data), "--listen-mode", "tcp"]
        settings = {
            "RESTATE_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1", "RESTATE_LOG_FILTER": "error",
            "RESTATE_BIND_IP": "127.0.0.1", "RESTATE_BIND_PORT": str(node), "RESTATE_ADVERTISED_HOST": "127.0.0.1",
            "RESTATE_INGRESS__BIND_PORT": str(ingress), "RESTATE_ADMIN__BIND_PORT": str(admin),
        }  # fmt: skip
        keeps = stack.enter_context(listening(server, ingress, more=settings))
        await Wire(admin).call("POST", "/deployments", {"uri": f"http://127.0.0.1:{service}"})
        yield Peer((hears.pid, keeps.pid), Wire(ingress), data)


if __name__ == "__main__":
    main(opened, BEGUN)
