"""What the server answers to strangers, to garbage, and when its store is not there; and when it does not start."""

from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx2
import pytest
import yaml

from factory_core.dispatch.records import State
from factory_core.http import LARGEST_BODY
from factory_sandbox.registry import SIGN
from factory_sandbox.signing import Attempt, Vendor

from .counting import CLEAR, DONE_CLEAR, counted
from .sandbox_thread import PATIENCE, World, world
from .server_process import HOOKS, ROOT, Home, Server, config_of, factory, now, until

VENDORS: tuple[Vendor, ...] = ("linear", "slack", "github", "relayfile")
SIGNATURES = {
    "linear": "linear-signature",
    "slack": "x-slack-signature",
    "github": "x-hub-signature-256",
    "relayfile": "x-relay-signature",
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Home, Server]]:
    relay = {"relay": "relayfile", "relayfile": {"url": "http://127.0.0.1:9/relayfile", "workspace": "demo"}}
    path = tmp_path_factory.mktemp("refusals")
    with world() as w, factory(w, path, arguments=("--no-check",), **relay) as (home, server):
        yield w, home, server


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_wrong_a_missing_and_a_garbage_signature_are_401(stage: tuple[World, Home, Server], vendor: Vendor) -> None:
    """Only who knows the secret is heard; the answer names neither."""
    _, home, server = stage
    body, name = b'{"type": "Issue"}', SIGNATURES[vendor]
    good = {
        key.lower(): value
        for key, value in SIGN[vendor](home.secret(vendor), Attempt("d1", "Issue", body, now())).items()
    }
    others = {
        key.lower(): value for key, value in SIGN[vendor]("another secret", Attempt("d1", "Issue", body, now())).items()
    }
    wrong = [
        others[name],
        "",
        "sha256=",
        "v0=",
        "é",
        "0" * 64,
        good[name][:-1],
        good[name] * 500,  # longer ones end at the HTTP parser
    ]
    tried = [{**good, name: given} for given in wrong] + [{key: value for key, value in good.items() if key != name}]
    for headers in tried:
        raw = [(key.encode(), value.encode()) for key, value in headers.items()]
        answer = httpx2.post(server.hook(vendor), content=body, headers=raw, trust_env=False, timeout=PATIENCE)
        assert answer.status_code == 401, (headers.get(name), answer.text)
        assert home.secret(vendor) not in answer.text and good[name] not in answer.text
        assert answer.json()["fix"] == ["factory", "doctor"]
    assert (
        httpx2.post(
            server.hook(vendor), content=body + b" ", headers=good, trust_env=False, timeout=PATIENCE
        ).status_code
        == 401
    )


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff\xfe{}", b'"text"', b"[" * 100_000, b'{"a":' * 50_000],
    ids=["nothing", "half", "list", "null", "no-utf8", "string", "deep-list", "deep-object"],
)  # fmt: skip
def test_a_signed_body_that_cannot_be_read_is_400(
    stage: tuple[World, Home, Server], vendor: Vendor, body: bytes
) -> None:
    answer = stage[2].post(vendor, body, event="Issue")
    assert (answer.status_code, answer.json()["code"]) == (400, "E-REFUSED")


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("body", [
    b"{}", b'{"type":1e999}', b'{"type":"Issue","action":"update","data":[]}', b'{"type":"event_callback","event":7}',
    b'{"type":"Issue","action":"create","data":{"identifier":"../../etc/passwd","id":{"$ne":1},"title":["x"]}}',
    b'{"action":"opened","pull_request":null,"repository":{"full_name":5}}',
    b'{"type":"Issue","data":{"identifier":"\\ud800-1"}}',
])  # fmt: skip
def test_a_signed_body_of_a_strange_shape_is_never_a_fault_of_ours(
    stage: tuple[World, Home, Server], vendor: Vendor, body: bytes
) -> None:
    """It is ignored or refused, and leaves no record behind."""
    for event in ("Issue", "pull_request", "check_suite", "issue_comment"):
        assert stage[2].post(vendor, body, event=event).status_code in {200, 400, 401}
    assert all(record.state is State.NEW or record.item for record in stage[1].records().values())


def test_more_than_five_megabytes_is_413(stage: tuple[World, Home, Server]) -> None:
    """Declared: nothing of it is read. In chunks: not more than the limit is."""
    server = stage[2]
    answer = httpx2.post(server.hook("linear"), content=b"x" * (LARGEST_BODY + 1), trust_env=False, timeout=PATIENCE)
    assert (answer.status_code, answer.json()["code"]) == (413, "E-TOO-LARGE")
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as raw:
        raw.sendall(b"POST /hooks/acme/linear HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999999\r\n\r\n")
        assert raw.recv(4096).startswith(b"HTTP/1.1 413")
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as raw:
        raw.sendall(b"POST /hooks/acme/linear HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(6):
            raw.sendall(b"100000\r\n" + b"x" * 0x100000 + b"\r\n")
        assert raw.recv(4096).startswith(b"HTTP/1.1 413")
    answer = server.post("github", b'{"zen":"' + b"x" * (LARGEST_BODY - 10) + b'"}', event="ping")
    assert answer.status_code == 200, "exactly the limit is welcome"


def test_a_sender_that_goes_away_costs_nothing(stage: tuple[World, Home, Server]) -> None:
    """Half a body, then nothing: no fault of ours is noted, and the others are answered meanwhile."""
    server = stage[2]
    head = b"POST /hooks/acme/linear HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{"
    slow = [socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) for _ in range(60)]
    for raw in slow:
        raw.sendall(head)
    assert server.get("/healthz").status_code == 200
    for raw in slow:
        raw.close()
    assert server.get("/healthz").status_code == 200
    assert "Exception" not in server.log.read_text()


def test_nobody_learns_which_tenants_and_providers_there_are(stage: tuple[World, Home, Server]) -> None:
    """An unsigned webhook and an unknown token get one answer each, wherever they are sent."""
    server = stage[2]
    for headers in ({}, SIGN["linear"]("another secret", Attempt("d1", "Issue", b"{}", now()))):
        for body in (b"{}", b'{"type": "url_verification", "challenge": "x"}', b"a" * (5 * 1024 * 1024 + 1)):
            paths = [f"/hooks/{tenant}/{name}" for tenant in ("acme", "nobody") for name in (*HOOKS, "jira")]
            tried = [
                httpx2.post(server.url + path, content=body, headers=headers, trust_env=False, timeout=PATIENCE)
                for path in paths
            ]
            assert len({(one.status_code, one.content) for one in tried}) == 1, tried
            assert tried[0].status_code == (401 if len(body) < 100 else 413)
    claims = [
        httpx2.post(
            f"{server.url}/fleet/{tenant}/claim", content=b"{}", headers=headers, trust_env=False, timeout=PATIENCE
        )
        for tenant in ("acme", "nobody") for headers in ({}, {"authorization": "Bearer x"})
    ]  # fmt: skip
    assert {(one.status_code, one.content) for one in claims} == {(401, claims[0].content)}


@pytest.mark.parametrize("path", ["/", "/status.json", "/healthz", "/items/NOPE-1", "/hooks/acme/linear", "/nothing"])
def test_no_answer_is_kept_or_taken_for_another_thing(stage: tuple[World, Home, Server], path: str) -> None:
    headers = stage[2].get(path).headers
    assert headers.get_list("cache-control") == ["no-store"]
    assert headers.get_list("x-content-type-options") == ["nosniff"]


def test_a_worker_is_known_before_its_body_is_read(stage: tuple[World, Home, Server]) -> None:
    """A stranger's claim is answered at its head; a body that the endpoint would not take is refused by its length."""
    server = stage[2]
    for token, status in (("", b"401"), ("Authorization: Bearer wrong\r\n", b"401")):
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as raw:
            raw.sendall(f"POST /fleet/acme/claim HTTP/1.1\r\nHost: x\r\n{token}Content-Length: 200000\r\n\r\n".encode())
            assert raw.recv(4096).split()[1] == status


def test_unknown_addresses_are_404_and_other_methods_405(stage: tuple[World, Home, Server]) -> None:
    server = stage[2]
    for path in ("/hooks/acme/", "/hooks/acme", "/hooks/acme/linear/more"):
        assert httpx2.post(server.url + path, content=b"{}", trust_env=False, timeout=PATIENCE).status_code == 404
    for method in ("GET", "PUT", "DELETE"):
        assert httpx2.request(method, server.hook("linear"), trust_env=False, timeout=PATIENCE).status_code == 405
    for path in ("/items/NOPE-1", "/items/%2e%2e%2fetc%2fpasswd", "/nothing", "/.env", "/factory.db"):
        assert server.get(path).status_code == 404


def test_a_locked_store_is_503_and_the_senders_retry_succeeds(tmp_path: Path) -> None:
    """Nothing is taken for done that is not on disk; the sandbox sends again, as the vendor would."""
    with world(time_scale=0.05) as w, factory(w, tmp_path) as (home, server):
        with closing(sqlite3.connect(home.store, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            key = w.ticket("Rename total to amount", CLEAR)
            tried = until(lambda: _first_delivery(w)["attempts"])
            assert tried[0]["status"] == 503
            health = server.get("/healthz")
            other.execute("ROLLBACK")
        assert health.status_code in {200, 503}
        assert home.rests(key)[key].state is State.DONE
        assert [attempt["status"] for attempt in _first_delivery(w)["attempts"]] == [503, 200]
        assert counted(w, home, key) == DONE_CLEAR


@pytest.mark.parametrize("instead", ["nothing", "garbage", "another database", "an empty file"])
def test_a_store_that_was_taken_away_is_503_until_it_is_back(tmp_path: Path, instead: str) -> None:
    """A file that is not ours is never taken for an empty memory."""
    with world(time_scale=0.05) as w, factory(w, tmp_path) as (home, server):
        done = w.ticket("Rename total to amount", CLEAR)
        home.rests(done)
        aside = {path: path.with_name(f"aside-{path.name}") for path in home.path.glob("factory.db*") if path.is_file()}
        for path, there in aside.items():
            path.rename(there)
        if instead == "another database":
            with closing(sqlite3.connect(home.store)) as other:
                other.execute("CREATE TABLE customers (name TEXT)")
        elif instead != "nothing":
            home.store.write_bytes(b"" if instead == "an empty file" else b"garbage " * 10_000)
        until(lambda: not server.get("/healthz").json()["ok"])
        key = w.ticket("Rename amount to sum", CLEAR)
        assert until(lambda: _last_delivery(w, "Issue")["attempts"])[0]["status"] == 503
        page = server.get("/")
        assert (page.status_code, server.get("/healthz").json()["ok"]) == (503, False)
        assert "cannot be" in page.text or "did not answer" in page.text
        assert server.get("/status.json").status_code == 503
        for path, there in aside.items():
            there.rename(path)
        assert home.rests(key)[key].state is State.DONE
        assert [counted(w, home, item) for item in (done, key)] == [DONE_CLEAR, DONE_CLEAR]
        assert server.get("/healthz").json()["ok"] is True


def serve(home: Home, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "factory_cli", "serve", f"--config={home.config}", "--port=0", "--format=json"]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home.path), **environment}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def test_without_its_secrets_the_server_does_not_start(tmp_path: Path) -> None:
    """Exit 4, and every variable that is missing is named."""
    with world() as w:
        home = Home(tmp_path, config_of(w))
        for missing in (set(HOOKS.values()), {"SLACK_SIGNING_SECRET"}):
            given = {name: value for name, value in home.secrets.items() if name not in missing}
            for blank in ({}, dict.fromkeys(missing, ""), dict.fromkeys(missing, "  ")):
                done = serve(home, **given, **blank)
                said = done.stdout + done.stderr
                assert (done.returncode, {name for name in HOOKS.values() if name in said}) == (4, missing), said
                assert not any(value in said for value in home.secrets.values())


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("merge.polcy", "merge:\n  polcy: never\n"),
        ("capacity.agents", "capacity:\n  agents: 0\n"),
        ("intentProvider", "intentProvider: jira\n"),
        ("routing.default", "routing:\n  default: acme/nowhere\n"),
        ("runner.lease", "runner:\n  lease: soon\n"),
    ],
)
def test_a_wrong_configuration_is_exit_2_with_file_and_key(tmp_path: Path, key: str, line: str) -> None:
    with world() as w:
        home = Home(tmp_path, config_of(w))
        own = {"merge", "capacity", "intentProvider", "routing", "runner"}
        kept = {name: value for name, value in config_of(w).items() if name not in own or name == "intentProvider"}
        if key == "intentProvider":
            del kept["intentProvider"]
        home.config.write_text(yaml.safe_dump(kept) + line)
        done = serve(home, **home.secrets)
        problem = json.loads(done.stderr or done.stdout)
        assert done.returncode == 2, done
        assert "factory.config.yaml" in problem["what"] and key in f"{problem['what']} {problem['why']}"
        assert problem["fix_in_words"]


def test_a_configuration_that_is_no_yaml_or_not_there_is_exit_2(tmp_path: Path) -> None:
    with world() as w:
        home = Home(tmp_path, config_of(w))
    for text in ("a: [", "", "- a\n- b\n", "tenant: !!python/object/apply:os.system ['true']\n", "\x00"):
        home.config.write_text(text)
        done = serve(home, **home.secrets)
        assert (done.returncode, "factory.config.yaml" in done.stderr + done.stdout) == (2, True), (text, done)
    home.config.write_bytes(b"\xff\xfe\x00tenant")
    assert serve(home, **home.secrets).returncode == 2
    home.config.unlink()
    assert serve(home, **home.secrets).returncode == 2


def _first_delivery(w: World) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = w.state()["deliveries"][0]
    return found


def _last_delivery(w: World, event: str) -> dict[str, list[dict[str, object]]]:
    found: list[dict[str, list[dict[str, object]]]] = [d for d in w.state()["deliveries"] if d["event"] == event]
    return found[-1]
