"""The one way out of a walled run: an HTTP proxy on a unix socket that connects to the allowed names and nothing else.

A name is resolved here, once, and the very address that was judged is connected to; one of a private network, of this
machine or of a cloud's metadata service is refused, however it is spelled.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import ipaddress
import socket
import socketserver
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import Field

from factory_core.work_item import Frozen

_PORTS = (443, 80)
_HEAD = 64 << 10  # bytes of one request's head
_AT_ONCE = 200  # connections of one run
_PATIENCE = 20.0  # seconds for a head, and for a connection
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_AZURE_HOST = ipaddress.ip_address("168.63.129.16")  # a public address that only ever means the machine's own cloud

Resolve = Callable[[str, int], list[str]]
"""Name and port → addresses; raises OSError."""


class Refusal(Exception):
    """The request may not go out; the message says why, in a line."""


class Target(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return self.host if self.port in _PORTS else f"{self.host}:{self.port}"


class Network(Frozen):
    """Where a run may connect to. A domain is a name, `*.name` for all below it, or either with `:port`.

    `engine_domains` are for requests with the run's key: the engine has it, its shell does not. `upstream` is the URL
    of this machine's own HTTP proxy, if it needs one. `stand_ins`, for tests alone: `host:port` → a port on loopback.
    """

    domains: tuple[str, ...] = ()
    engine_domains: tuple[str, ...] = ()
    upstream: str = ""
    stand_ins: Mapping[str, int] = Field(default_factory=dict)


def proxy_of(environment: Mapping[str, str]) -> str:
    """The URL of the HTTP proxy that this machine itself goes through; empty without one."""
    url = next((environment[name] for name in ("HTTPS_PROXY", "https_proxy") if environment.get(name)), "")
    return url if url.startswith("http://") else ""


def resolve(host: str, port: int) -> list[str]:
    return [str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def is_public(address: str) -> bool:
    """Is it an address of the Internet, also by what it carries inside?"""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast and ip != _AZURE_HOST


class Proxy:
    """Serves until it is closed. `refused` is given the reason of each refusal, from other threads."""

    def __init__(
        self,
        path: Path,
        network: Network,
        key: str,
        refused: Callable[[str], None],
        *,
        resolve: Resolve = resolve,
    ) -> None:
        self._network, self._key, self._refused, self._resolve = network, key, refused, resolve
        self._free = threading.BoundedSemaphore(_AT_ONCE)
        proxy = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                if proxy._free.acquire(blocking=False):
                    try:
                        proxy._serve(self.request)
                    finally:
                        proxy._free.release()

        self._server = _Server(str(path), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, client: socket.socket) -> None:
        try:
            client.settimeout(_PATIENCE)
            head, rest = _head(client)
            request, *fields = head.split("\r\n")
            method, address, _ = request.split(" ")
            target = _target(method, address)
            with self._connect(target, _key(fields)) as server:
                if method == "CONNECT":
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:
                    rest = _origin_form(method, address, fields) + rest
                server.sendall(rest)
                _pump(client, server)
        except Refusal as refusal:
            self._refused(f"refused: {refusal}")
            _answer(client, "403 Forbidden", str(refusal))
        except (OSError, ValueError) as error:
            _answer(client, "502 Bad Gateway", str(error))

    def _connect(self, target: Target, key: str) -> socket.socket:
        self._check(target, key)
        if (port := self._network.stand_ins.get(f"{target.host}:{target.port}")) is not None:
            return socket.create_connection(("127.0.0.1", port), _PATIENCE)
        if self._network.upstream:
            return _through(urlsplit(self._network.upstream), target)
        addresses = [one for one in self._resolve(target.host, target.port) if is_public(one)]
        if not addresses:
            raise Refusal(f"{target} leads to an address of a private network")
        return socket.create_connection((addresses[0], target.port), _PATIENCE)

    def _check(self, target: Target, key: str) -> None:
        """Raise Refusal for a name or port that is not allowed."""
        is_engine = hmac.compare_digest(key.encode(), self._key.encode())
        domains = self._network.domains + (self._network.engine_domains if is_engine else ())
        if not any(_matches(domain.lower(), target) for domain in domains):
            raise Refusal(f"{target} is not in agents.allowedDomains")


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is nothing to report."""


def _matches(domain: str, target: Target) -> bool:
    name, _, port = domain.partition(":")
    if target.port != int(port) if port else target.port not in _PORTS:
        return False
    return target.host.endswith(name[1:]) if name.startswith("*.") else target.host == name


def _head(peer: socket.socket, at_once: int = _HEAD) -> tuple[str, bytes]:
    """The head of a message, without its empty line, and what has come behind it: nothing, when it is read singly."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = peer.recv(at_once)
        if not part or len(received) > _HEAD:
            raise ValueError("no head of an HTTP message")
        received += part
    head, _, rest = received.partition(b"\r\n\r\n")
    return head.decode("latin-1"), rest


def _target(method: str, address: str) -> Target:
    """Raises ValueError for what is no address of another host."""
    url = urlsplit(f"//{address}" if method == "CONNECT" else address)
    if not url.hostname or (method != "CONNECT" and url.scheme != "http"):
        raise ValueError(f"{method} needs the address of a host")
    return Target(url.hostname.rstrip("."), url.port or 80)


def _key(fields: Iterable[str]) -> str:
    """The password with which the client signs in at this proxy."""
    for field in fields:
        name, _, value = field.partition(":")
        if name.lower() == "proxy-authorization" and value.strip().startswith("Basic "):
            pair = base64.b64decode(value.strip().removeprefix("Basic "), validate=True)
            return pair.decode("latin-1").partition(":")[2]
    return ""


def _origin_form(method: str, address: str, fields: Iterable[str]) -> bytes:
    """One request for the host itself, and one only: a connection that was kept could be used for another name."""
    url = urlsplit(address)
    kept = [field for field in fields if not field.lower().startswith(("host:", "connection:", "proxy-"))]
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    lines = (f"{method} {path} HTTP/1.1", f"Host: {url.netloc.rpartition('@')[2]}", *kept, "Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _through(upstream: SplitResult, target: Target) -> socket.socket:
    """A tunnel through the machine's own proxy; raises OSError when it does not make one."""
    server = socket.create_connection((upstream.hostname, upstream.port or 80), _PATIENCE)
    try:
        request = f"CONNECT {target.host}:{target.port} HTTP/1.1\r\nHost: {target.host}:{target.port}\r\n"
        if upstream.username:
            pair = f"{unquote(upstream.username)}:{unquote(upstream.password or '')}"
            request += f"Proxy-Authorization: Basic {base64.b64encode(pair.encode()).decode()}\r\n"
        server.sendall(f"{request}\r\n".encode())
        status = _head(server, 1)[0].partition("\r\n")[0]
        if status.split(" ")[1:2] != ["200"]:
            raise OSError(f"{upstream.hostname} answered {status}")
    except BaseException:
        server.close()
        raise
    return server


def _pump(client: socket.socket, server: socket.socket) -> None:
    """Carry bytes both ways until both sides have ended."""
    for peer in (client, server):
        peer.settimeout(None)
    up = threading.Thread(target=_copy, args=(client, server), daemon=True)
    up.start()
    _copy(server, client)
    up.join()


def _copy(source: socket.socket, to: socket.socket) -> None:
    """When one side breaks, both are over; when one side has merely said all, the other may go on."""
    try:
        while part := source.recv(64 << 10):
            to.sendall(part)
        to.shutdown(socket.SHUT_WR)
    except OSError:
        for peer in (source, to):
            with contextlib.suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)


def _answer(client: socket.socket, status: str, words: str) -> None:
    body = f"{words}\n".encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    with contextlib.suppress(OSError):
        client.sendall(head.encode() + body)
