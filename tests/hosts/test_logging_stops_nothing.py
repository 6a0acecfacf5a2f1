"""The server works on, whatever becomes of the one who reads what it logs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from factory_core.dispatch.records import State
from tests.scenarios.counting import CLEAR
from tests.scenarios.sandbox_thread import World, world
from tests.scenarios.server_process import ROOT, Home, Server, config_of


@pytest.mark.parametrize(("reader", "form"), [("hangs", "json"), ("is gone", "text")])
def test_webhooks_are_acknowledged_and_tickets_done(reader: str, form: str, tmp_path: Path) -> None:
    """All that is logged, and errors of a vendor; the pipe is full before the first line, or has no reader."""
    with world() as w:
        home = Home(tmp_path, config_of(w))
        home.give_tokens(w)
        reading, writing = os.pipe()
        if reader == "hangs":
            os.set_blocking(writing, False)
            try:
                while True:
                    os.write(writing, b"." * 4096)
            except BlockingIOError:
                os.set_blocking(writing, True)
        else:
            os.close(reading)
        server = Server(home, arguments=["-v", f"--log-format={form}"])
        try:
            server.start(writing)
            os.close(writing)
            server.subscribe(w)
            _ticket_is_done(w, home, server)
            if reader == "is gone":  # one that hangs counts as that only after a while
                lines = {line["name"]: line for line in server.get("/status.json").json()["lines"]}
                assert lines["log"]["status"] == "down" and lines["log"]["fix_in_words"]
        finally:
            assert server.stop() == 0
        if reader == "hangs":
            os.close(reading)


def _ticket_is_done(w: World, home: Home, server: Server) -> None:
    key = w.ticket("Rename the total", CLEAR)
    home.in_state(key, State.DONE)
    sent = [tried.status for delivery in w.sandbox.webhooks.deliveries for tried in delivery.tried]
    assert set(sent) == {200}
    assert server.get("/healthz").status_code == 200


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_no_file_is_taken_for_a_stream_that_is_closed(closed: str, tmp_path: Path) -> None:
    """A command whose standard streams are closed answers with its usual exit code."""
    command = [sys.executable, "-m", "factory_cli", "status", f"--config={tmp_path / 'factory.config.yaml'}"]
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *command], cwd=ROOT, capture_output=True, timeout=60
    )
    assert done.returncode == 2 and b"Traceback" not in done.stderr
