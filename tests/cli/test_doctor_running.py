"""What `factory doctor` and `factory status` say of the factory that runs on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

from adapters.stores.sqlite.sqlite_file import create_file
from factory_core.overview import Health, LoopState

from .calling import Command


@contextmanager
def running(home: Path, health: Health, **log: object) -> Iterator[None]:
    """A server at the configured port whose /healthz says this."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = {"ok": health.ok, "log": log, tenant: health.model_dump(mode="json")}
            self.send_response(200 if health.ok else 503)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            pass

    file = home / "factory.config.yaml"
    tenant = next(
        line.split(":")[1].strip() for line in file.read_text().splitlines() if line.startswith("tenant:")
    )  # fmt: skip
    with HTTPServer(("127.0.0.1", 0), Site) as server:
        file.write_text(f"{file.read_text()}\nserver: {{port: {server.server_port}}}\n")
        Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def test_a_loop_that_is_late_is_a_problem_and_one_that_began_again_a_warning(ready: Path, command: Command) -> None:
    ended = datetime(2026, 12, 1, 10, 1, 2, tzinfo=UTC)
    loops = {
        "check-in": LoopState(last_round_s=300, late_after_s=120),
        "sweep": LoopState(
            last_round_s=1, late_after_s=1800, restarts=2, last_end="ValueError: odd", last_end_at=ended
        ),
    }  # fmt: skip
    words = "check-in has not been round for 300 s"
    health = Health(ok=False, problems=(words,), degraded=("X-1: a record cannot be read",), loops=loops)
    with running(ready, health):
        done = command("doctor", "--json", cwd=ready)
    found = [(one["mark"], one["words"]) for one in done.document["checks"] if one["section"] == "Running factory"]
    again = "loop sweep ended 2 times and began again, last at 2026-12-01 10:01:02 UTC: ValueError: odd"
    assert done.code == 1
    assert found == [("fail", words), ("warn", "X-1: a record cannot be read"), ("warn", again)]


def test_a_factory_that_is_well_is_fine(ready: Path, command: Command) -> None:
    with running(ready, Health(ok=True, loops={"check-in": LoopState(last_round_s=0.1, late_after_s=120)})):
        done = command("doctor", "--json", cwd=ready)
    found = [(one["mark"], one["words"]) for one in done.document["checks"] if one["section"] == "Running factory"]
    assert (done.code, found) == (0, [("ok", "every loop goes round: check-in")])


def test_a_log_that_nobody_reads_is_a_warning_with_what_to_do(ready: Path, command: Command) -> None:
    """And the status has a line of it, in each form; while no server runs it has none."""
    create_file(ready / "factory.db")
    with running(ready, Health(ok=True, loops={}), dropped=7, hangs=True):
        checks = command("doctor", "--json", cwd=ready).document["checks"]
        document = command("status", "--json", cwd=ready).document
        rows = command("status", cwd=ready).out
    (found,) = [one for one in checks if one["section"] == "Running factory"]
    note = "nobody reads it, 7 lines are lost since the start; the work goes on"
    assert (found["mark"], found["name"], found["words"]) == ("warn", "log", f"log {note}")
    assert "standard error" in found["fix"]
    (line,) = [line for line in document["lines"] if line["name"] == "log"]
    assert (line["status"], line["note"]) == ("down", note)
    assert f"{note}\t{found['fix']}" in rows
    assert not [line for line in command("status", "--json", cwd=ready).document["lines"] if line["name"] == "log"]
