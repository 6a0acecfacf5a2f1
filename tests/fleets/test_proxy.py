"""The run's proxy: where it lets a client go, and whom it never lets it reach, by whatever name."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from adapters.fleets.local_engines.proxy import Network, Proxy, is_public

KEY = "the-run's-key"


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = f"{self.headers['Host']} {self.path} {self.headers.get('Proxy-Authorization')}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def site() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@contextmanager
def proxy(folder: Path, network: Network, addresses: tuple[str, ...] = ()) -> Iterator[tuple[Path, list[str]]]:
    """Every name has these addresses."""
    refused = list[str]()
    made = Proxy(folder / "s", network, KEY, refused.append, resolve=lambda name, port: list(addresses))
    try:
        yield folder / "s", refused
    finally:
        made.close()


def ask(path: Path, request: str) -> str:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(path))
        client.sendall(request.encode())
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b"")).decode()


def test_a_name_that_is_allowed_is_reached_by_a_tunnel_and_by_a_request(tmp_path: Path, site: int) -> None:
    """The host is the one that was judged, whatever the client's own line says, and the key stays here."""
    network = Network(domains=("*.example.org",), stand_ins={"a.example.org:443": site, "a.example.org:80": site})
    with proxy(tmp_path, network) as (path, refused):
        inner = "GET /through HTTP/1.1\r\nHost: a.example.org\r\nConnection: close\r\n\r\n"
        assert "a.example.org /through None" in ask(path, f"CONNECT a.example.org:443 HTTP/1.1\r\n\r\n{inner}")
        line = (
            "GET http://a.example.org/page?x=1 HTTP/1.1\r\nHost: other.example\r\nProxy-Authorization: Basic eA==\r\n"
        )
        assert "a.example.org /page?x=1 None" in ask(path, f"{line}\r\n")
    assert refused == []


@pytest.mark.parametrize(
    "target",
    ["example.com:443", "example.org:22", "example.org.evil.example:443", "notexample.org:443", "93.184.216.34:443"],
)
def test_everything_else_is_refused_and_said(tmp_path: Path, target: str) -> None:
    network = Network(domains=("example.org", "*.example.org"))
    with proxy(tmp_path, network, ("93.184.216.34",)) as (path, refused):
        answer = ask(path, f"CONNECT {target} HTTP/1.1\r\n\r\n")
    said = f"{target.removesuffix(':443')} is not in agents.allowedDomains"
    assert answer.startswith("HTTP/1.1 403 ") and said in answer
    assert refused == [f"refused: {said}"]


def test_the_engines_own_hosts_need_its_key(tmp_path: Path, site: int) -> None:
    """What an agent starts knows the proxy, but not the key."""
    network = Network(engine_domains=("api.example.org",), stand_ins={"api.example.org:80": site})
    pair = base64.b64encode(f"engine:{KEY}".encode()).decode()
    request = "GET http://api.example.org/ HTTP/1.1\r\n"
    with proxy(tmp_path, network) as (path, refused):
        assert ask(path, f"{request}\r\n").startswith("HTTP/1.1 403 ")
        assert ask(path, f"{request}Proxy-Authorization: Basic {pair}\r\n\r\n").startswith("HTTP/1.0 200 ")
    assert len(refused) == 1


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.7", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.100.100.200", "0.0.0.0",
        "168.63.129.16", "224.0.0.1", "::1", "fe80::1", "fd00:ec2::254", "::ffff:127.0.0.1", "::ffff:a9fe:a9fe",
        "64:ff9b::7f00:1", "2002:7f00:1::", "::", "not an address",
    ],
)  # fmt: skip
def test_an_allowed_name_that_leads_into_a_private_network_is_refused(tmp_path: Path, address: str) -> None:
    """Also by an address within an address."""
    assert not is_public(address)
    with proxy(tmp_path, Network(domains=("example.org",)), (address,)) as (path, refused):
        assert ask(path, "CONNECT example.org:443 HTTP/1.1\r\n\r\n").startswith("HTTP/1.1 403 ")
    assert refused == ["refused: example.org leads to an address of a private network"]


def test_addresses_of_the_internet_are_public() -> None:
    assert all(is_public(address) for address in ("1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"))


@pytest.mark.parametrize(
    "request_text",
    [
        "\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "CONNECT\r\n\r\n",
        "CONNECT x:99999 HTTP/1.1\r\n\r\n",
        "\0" * 70_000,
        "GET ",
    ],
)
def test_what_is_no_request_is_answered_and_ends_nothing(tmp_path: Path, site: int, request_text: str) -> None:
    network = Network(domains=("example.org",), stand_ins={"example.org:80": site})
    with proxy(tmp_path, network) as (path, _):
        assert ask(path, request_text).startswith("HTTP/1.1 502 ")
        assert " 200 " in ask(path, "GET http://example.org/ HTTP/1.1\r\n\r\n")


def test_a_machine_that_needs_a_proxy_itself_goes_through_it(tmp_path: Path, site: int) -> None:
    """With the credential of its address; the client sees none of it."""
    heads = list[bytes]()

    def upstream(listener: socket.socket) -> None:
        peer, _ = listener.accept()
        with peer:
            heads.append(peer.recv(4096))
            peer.sendall(b"HTTP/1.1 200 OK\r\n\r\nhello")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=upstream, args=(listener,), daemon=True).start()
        url = f"http://user:p%40ss@127.0.0.1:{listener.getsockname()[1]}"
        with proxy(tmp_path, Network(domains=("example.org",), upstream=url)) as (path, _):
            answer = ask(path, "CONNECT example.org:443 HTTP/1.1\r\n\r\n")
    assert answer.endswith("hello") and "p@ss" not in answer
    assert b"CONNECT example.org:443" in heads[0] and base64.b64encode(b"user:p@ss") in heads[0]
