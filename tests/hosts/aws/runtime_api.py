"""Lambda as far as a function sees it: the Runtime API on loopback, and the real runtime client as a process beside it.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]


class Crashed(Exception):
    """The function raised, ran out of time, or its process died; Lambda calls that a function error."""


class _Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        """/runtime/invocation/next: held until there is one."""
        invocation = self.server.waiting.get()
        if invocation is None:
            return
        body = json.dumps(invocation["event"]).encode()
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation["id"],
            "Lambda-Runtime-Deadline-Ms": str(round(invocation["deadline"] * 1000)),
            "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1",
            "Content-Type": "application/json",
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:000000000000:function:factory",
        }
        self._answer(200, body, headers)

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["content-length"] or 0)) or b"null")
        self.server.answers.put((self.path.rpartition("/")[2], said))
        self._answer(202, b"{}", {})

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Api)
        self.waiting: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.answers: queue.Queue[tuple[str, Any]] = queue.Queue()


class Function:
    """One execution environment of one function: at most one call at a time, a new process after one that died."""

    def __init__(self, handler: str, environment: Mapping[str, str], log: Path, timeout: float = 120) -> None:
        self.handler, self.environment, self.log, self.timeout = handler, dict(environment), log, timeout
        self.process: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()
        self._server: _Server | None = None

    def invoke(self, event: Any, timeout: float | None = None) -> Any:
        """What the handler returned. `timeout`: seconds that it is told to have. Raises Crashed."""
        with self._turn:
            server = self._running()
            deadline = time.time() + (timeout or self.timeout)
            server.waiting.put({"id": str(uuid.uuid4()), "event": event, "deadline": deadline})
            kind, said = self._answer(server, time.monotonic() + self.timeout)
        if kind != "response":
            raise Crashed(f"{self.handler}: {said}")
        return said

    def kill(self) -> None:
        """SIGKILL, as when Lambda takes the environment away."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(60)

    def close(self) -> None:
        self.kill()
        self._forget()

    def _answer(self, server: _Server, end: float) -> tuple[str, Any]:
        while True:
            try:
                return server.answers.get(timeout=0.05)
            except queue.Empty:
                assert self.process is not None
                late = time.monotonic() > end
                if late:
                    self.kill()
                if self.process.poll() is not None:
                    self._forget()
                    return "error", "Task timed out" if late else "Runtime exited"

    def _running(self) -> _Server:
        if self._server is None or self.process is None or self.process.poll() is not None:
            self._forget()
            self._server = server = _Server()
            threading.Thread(target=server.serve_forever, daemon=True).start()
            environment = {
                **self.environment,
                "LAMBDA_TASK_ROOT": str(ROOT),
                "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
                "AWS_LAMBDA_FUNCTION_NAME": self.handler,
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
                "AWS_LAMBDA_LOG_FORMAT": "JSON",
                "AWS_LAMBDA_LOG_LEVEL": "INFO",
            }
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", "awslambdaric", self.handler],
                    cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                )  # fmt: skip
        return self._server

    def _forget(self) -> None:
        if self._server is not None:
            self._server.waiting.put(None)
            self._server.shutdown()
            self._server.server_close()
            self._server = None
