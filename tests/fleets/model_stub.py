"""A stand-in of the two model APIs on loopback: asks for one shell command, then ends with the words it was given."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SHELL = "echo hi > made.txt"
ANSWERS = "StructuredOutput"
"""The tool by which Claude Code takes an answer of a schema."""


class ModelStub(ThreadingHTTPServer):
    """`mood` is what requests meet: work, limited (for `limit` hours), hang, long. `asked` keeps the bodies."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.mood, self.limit, self.words, self.asked = "work", 2, "DONE: file written", list[str]()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: ModelStub

    def do_HEAD(self) -> None:
        self._send(200, b"")

    def do_GET(self) -> None:
        self._send(200, b'{"data":[],"models":[]}')

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.server.asked.append(text)
        anthropic = self.path.startswith("/v1/messages")
        if self.server.mood == "hang":
            time.sleep(60)
        if self.server.mood == "limited":
            return self._send(429, json.dumps(_limit(anthropic, self.server.limit)).encode())
        if "count_tokens" in self.path:
            return self._send(200, b'{"input_tokens":100}')
        command = "python3 -c 'import time; time.sleep(77)'" if self.server.mood == "long" else SHELL
        events = (_message if anthropic else _response)(json.loads(text), command, self.server.words)
        body = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
        return self._send(200, body.encode(), "text/event-stream")

    def _send(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def _limit(anthropic: bool, hours: int) -> dict[str, Any]:
    if anthropic:
        return {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}
    return {"error": {"type": "usage_limit_reached", "message": "limit", "resets_at": int(time.time()) + hours * 3600}}


def _message(request: dict[str, Any], command: str, words: str) -> list[dict[str, Any]]:
    """https://docs.anthropic.com/en/docs/build-with-claude/streaming: the same events, the least of each."""
    last_prompt = max((n for n, message in enumerate(request["messages"]) if _is_prompt(message)), default=0)
    answered = any(_blocks(message, "tool_result") for message in request["messages"][last_prompt:])
    if answered or not request.get("tools"):
        block, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": words}
    else:
        block = {"type": "tool_use", "id": f"toolu_{len(request['messages'])}", "name": "Bash", "input": {}}
    if answered and any(tool.get("name") == ANSWERS for tool in request.get("tools") or ()):
        block = {"type": "tool_use", "id": f"toolu_{len(request['messages'])}", "name": ANSWERS, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": words}
    elif block["type"] == "tool_use":
        delta = {
            "type": "input_json_delta",
            "partial_json": json.dumps({"command": command, "description": "make file"}),
        }
    reason = "tool_use" if block["type"] == "tool_use" else "end_turn"
    usage = {"input_tokens": 100, "output_tokens": 1}
    message = {
        "id": f"msg_{time.monotonic_ns()}",
        "type": "message",
        "role": "assistant",
        "content": [],
        "usage": usage,
    }
    return [
        {"type": "message_start", "message": message | {"model": request["model"], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
    ]


def _blocks(message: dict[str, Any], kind: str) -> bool:
    return isinstance(message["content"], list) and any(block["type"] == kind for block in message["content"])


def _is_prompt(message: dict[str, Any]) -> bool:
    return message["role"] == "user" and not _blocks(message, "tool_result")


def _response(request: dict[str, Any], command: str, words: str) -> list[dict[str, Any]]:
    """https://platform.openai.com/docs/api-reference/responses-streaming: items without their deltas."""
    prompts = [n for n, item in enumerate(request["input"]) if item.get("role") == "user"]
    since = request["input"][prompts[-1] if prompts else 0 :]
    if any(str(item.get("type")).endswith("_output") for item in since):
        item: dict[str, Any] = {"type": "message", "role": "assistant", "id": "m"}
        item["content"] = [{"type": "output_text", "text": words}]
    else:
        arguments = json.dumps({"cmd": command})
        item = {"type": "function_call", "call_id": f"c{len(request['input'])}", "name": "exec_command"}
        item["arguments"] = arguments
    usage = {
        "input_tokens": 100, "input_tokens_details": {"cached_tokens": 20}, "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 3}, "total_tokens": 107,
    }  # fmt: skip
    return [
        {"type": "response.created", "response": {"id": "r"}},
        {"type": "response.output_item.done", "item": item},
        {"type": "response.completed", "response": {"id": "r", "usage": usage}},
    ]
