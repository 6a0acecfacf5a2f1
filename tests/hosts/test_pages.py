"""The real server's pages: what they show is what status.json says, who may see them, and when health is not well."""

from __future__ import annotations

import base64
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from factory_core.dispatch.records import State
from tests.scenarios.counting import CLEAR, VAGUE
from tests.scenarios.sandbox_thread import PATIENCE, World, world
from tests.scenarios.server_process import Home, Server, config_of, factory, running, until

CHROMIUM = Path("/usr/bin/chromium")
QUIET = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"]
TOKEN = "a-token-of-the-status-page"
SIGNED_IN = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Home, Server]]:
    """Items in many states at once: done, blocked, asking, running, in line, in review."""
    path = tmp_path_factory.mktemp("busy")
    with world() as w:
        home = Home(path, config_of(w, capacity={"agents": 1}))
        home.give_tokens(w)
        with running(Server(home, FACTORY_STATUS_TOKEN=TOKEN)) as server:
            server.subscribe(w)
            keys = [w.ticket("Rename total to amount", CLEAR), w.ticket("[Spike] Nobody's", CLEAR)]
            home.rests(*keys)
            w.call(w.sandbox.github.plan_checks, never=True)
            review = w.ticket("Waits for its checks", CLEAR)
            until(lambda: home.in_state(review, State.IN_REVIEW).waits_for)
            home.asked(w.ticket("The cart is confusing", VAGUE))
            works = w.ticket("Works for a while", f"{CLEAR}\nconsole: hang\n")
            home.in_state(works, State.RUNNING)
            waits = w.ticket("Stands in line", CLEAR)
            until(lambda: home.in_state(waits, State.QUEUED).waits_for)
            until(lambda: len(server.get("/status.json", **SIGNED_IN).json()["queue"]) == 1, every=0.2)
            yield w, home, server
            w.call(w.sandbox.linear.change_issue, works, state="Canceled")
            home.rests(works)


def test_the_page_shows_what_the_data_says(busy: tuple[World, Home, Server]) -> None:
    """The same items with the same titles, the same verdict, the same numbers."""
    server = busy[2]
    page, data = server.get("/", **SIGNED_IN).text, server.get("/status.json", **SIGNED_IN).json()
    states = sorted(item["state"] for item in data["items"])
    assert states == ["blocked", "in-review", "running", "waiting-clarification"]
    assert [len(data["queue"]), len(data["finished"]), data["vitals"]["agents_busy"]] == [1, 1, 1]
    assert data["verdict"]["count"] == 2 and data["verdict"]["sentence"] in page
    for item in [*data["items"], *data["queue"], *data["finished"]]:
        assert item["key"] in page and item["title"].replace("'", "&#x27;") in page


def test_an_unchanged_page_is_304(busy: tuple[World, Home, Server]) -> None:
    """Who has it already gets nothing more, as long as the report is the same."""
    server = busy[2]
    answers = [server.get("/", **SIGNED_IN)]
    answers.append(server.get("/", **SIGNED_IN, **{"If-None-Match": answers[0].headers["etag"]}))
    assert [answer.status_code for answer in answers] == [200, 304]
    assert answers[1].content == b"" and answers[1].headers["etag"] == answers[0].headers["etag"]


@pytest.mark.parametrize("host", [b"Host: [::1", b"Host: \xff", b"Host: a b", b"Host: localhost:x", b"Host:", b"X: y"])
def test_a_malformed_name_is_not_this_machines(busy: tuple[World, Home, Server], host: bytes) -> None:
    """Nothing falls back to the address that we listen on."""
    with socket.create_connection(("127.0.0.1", busy[2].port), timeout=PATIENCE) as raw:
        raw.sendall(b"GET /status.json HTTP/1.0\r\n" + host + b"\r\n\r\n")
        assert raw.recv(4096).split()[1] in {b"400", b"401"}


@pytest.mark.parametrize("path", ["/", "/status.json", "/items/DEMO-1"])
def test_other_machines_need_the_token(busy: tuple[World, Home, Server], path: str) -> None:
    """So does whoever asks by this machine's name: a proxy or a tunnel here has its address, and may have its name."""
    server = busy[2]
    basic = {kind: base64.b64encode(f"{kind}:{TOKEN}".encode()).decode() for kind in ("", "anybody")}
    for host in (
        f"127.0.0.1:{server.port}",
        "localhost",
        "factory.example.com",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.example:80",
        "0",
        "[::2]",
    ):
        refused = server.get(path, Host=host)
        assert (refused.status_code, "Basic" in refused.headers["www-authenticate"]) == (401, True)
        assert "cart" not in refused.text and TOKEN not in refused.text
        for good in (f"Bearer {TOKEN}", *(f"Basic {one}" for one in basic.values())):
            assert server.get(path, Host=host, Authorization=good).status_code == 200
    for wrong in ("Bearer x", "Basic eA==", "Basic ?", "Bearer", "Basic", f"Digest {TOKEN}x", "Bearer " + TOKEN[:-1]):
        assert server.get(path, Authorization=wrong).status_code == 401
    assert server.get("/healthz", Host="factory.example.com").json().keys() == {"ok", "version"}
    for spoofed in ({"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}, {"X-Real-IP": "127.0.0.1"}):
        assert server.get(path, **spoofed).status_code == 401, "a tunnel that calls us by our own name"
    forged = server.get(
        path, Host="factory.example.com", **{"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "localhost"}
    )
    assert forged.status_code == 401


def test_health_names_what_is_overdue_and_since_when(tmp_path: Path) -> None:
    """An effect that nobody performed for two minutes: 503, with its item and its time."""
    with world() as w, factory(w, tmp_path, runner={"lease": "10m"}) as (home, server):
        assert server.get("/healthz").json()["ok"] is True
        with w.gate(lambda vendor, operation: operation == "issue", acted=False) as gate:
            key = w.ticket("Rename total to amount", CLEAR)
            assert gate.reached.wait(PATIENCE)
            with closing(sqlite3.connect(home.store)) as other:  # as if its worker had stopped three minutes ago
                other.execute("UPDATE in_flight SET wake_at = wake_at - ?", ((600 + 180) * 1_000_000,))
                body = home.record(key)
                assert body is not None and body.wake_at is not None
                moved = body.wake_at.timestamp() - 780
                stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moved))
                other.execute("UPDATE in_flight SET body = json_set(body, '$.wake_at', ?)", (stamp,))
                other.commit()
            answer = server.get("/healthz")
        sick = answer.json()[home.tenant]
        assert answer.status_code == 503 and sick["problems"] == [f"{key} has been due since {stamp[11:19]} UTC"]
        assert sick["oldest_waiting_effect_s"] > 170


def test_the_page_in_a_browser(busy: tuple[World, Home, Server]) -> None:
    """Under its own policy, with nothing in the console; the numbers are the data's; an item's page is a click away."""
    playwright = pytest.importorskip("playwright.sync_api", reason="chromium: playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip("chromium is not installed")
    server, said = busy[2], list[Any]()
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        tab = browser.new_page(
            http_credentials={"username": "me", "password": TOKEN}, viewport={"width": 390, "height": 800}
        )
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.goto(server.url)
        data = server.get("/status.json", **SIGNED_IN).json()
        assert tab.inner_text("h1") == data["verdict"]["sentence"]
        text = tab.inner_text("body")
        for item in [*data["items"], *data["queue"], *data["finished"]]:
            assert item["key"] in text and item["title"] in text
        assert f"{data['vitals']['agents_busy']} of 1 busy" in text
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390
        tab.click("a[href='/items/DEMO-1']")
        tab.wait_for_load_state()
        assert "Merged and done." in tab.inner_text("body")
        browser.close()
    assert said == []
