"""The page in a real browser, over loopback, under its own policy. Skipped by name where Chromium is absent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from adapters.web.status_page import Page, item_page, page, stale_page
from factory_core.status import item_report

from . import sample
from .sample import NOW

playwright = pytest.importorskip("playwright.sync_api", reason="chromium: playwright is not installed")
CHROMIUM = Path("/usr/bin/chromium")
pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="chromium is not installed")
QUIET = [
    "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        yield opened
        opened.close()


class Site:
    """Serves one page at every path, as a host does; `asked` are the If-None-Match headers that came."""

    def __init__(self, shown: Page) -> None:
        self.shown, self.status, self.asked = shown, 200, list[str]()

    def handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.headers.get("If-None-Match", ""))
                same = self.headers.get("If-None-Match") == site.shown.headers["ETag"]
                self.send_response(304 if same else site.status)
                for name, value in site.shown.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"" if same else site.shown.html.encode())

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


@contextmanager
def served(site: Site) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), site.handler())
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def opened(browser: Any, site: Site, width: int = 1280, **options: Any) -> Iterator[tuple[Any, list[str]]]:
    """A tab on the site, with its clock in our hands, and what its console said."""
    said: list[str] = []
    with served(site) as address:
        tab = browser.new_page(viewport={"width": width, "height": 700}, **options)
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.clock.install(time=NOW)
        tab.goto(address)
        yield tab, said
        tab.close()


def pages() -> dict[str, Page]:
    hostile = sample.status().model_copy(update={"items": tuple(
        item.model_copy(update={"title": "x" * 140, "progress": "y" * 500, "quote": "z" * 4000 if item.quote else ""})
        for item in sample.status().items
    )})  # fmt: skip
    running = next(record for record in sample.records() if record.key == "ACME-147")
    item = item_report(running, sample.runs()["ACME-147:1"], sample.config(), NOW, sample.VERSION)
    return {
        "status": page(sample.status()), "empty": page(sample.empty()), "item": item_page(item),
        "stale": stale_page(sample.status(), NOW, "The state store did not answer."), "long": page(hostile),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["status", "empty", "item", "stale", "long"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_the_page_fits_and_its_policy_has_nothing_to_say(browser: Any, name: str, width: int) -> None:
    """No sideways scrolling on any width, no word in the console; unbroken 500 characters fit too."""
    with opened(browser, Site(pages()[name]), width) as (tab, said):
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.evaluate("getComputedStyle(document.querySelector('h1')).fontWeight") == "620"  # the style applies
        assert said == []


def test_the_dark_page_is_dark(browser: Any, tmp_path: Path) -> None:
    """The reader's own choice of theme counts; the picture shows it."""
    with opened(browser, Site(page(sample.status())), color_scheme="dark") as (tab, _):
        assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(19, 19, 18)"
        assert len(tab.screenshot(path=tmp_path / "dark.png", full_page=True)) > 20_000


def test_the_page_renews_itself_in_place(browser: Any) -> None:
    """After 15 s <main> is new, the place and the heading's element are kept, and the next question names the ETag."""
    site = Site(page(sample.status()))
    with opened(browser, site) as (tab, said):
        assert "Renews every 15" in tab.inner_text("#fresh")
        tab.evaluate(
            "scrollTo(0, 400); window.old = document.querySelector('main'); window.h1 = document.querySelector('h1')"
        )
        site.shown = page(sample.empty())
        tab.clock.run_for(15_100)
        tab.wait_for_selector("h1:has-text('Nothing to do. Intake is open.')")
        assert tab.title() == "factory, acme"
        assert tab.evaluate("[document.contains(window.old), document.contains(window.h1)]") == [False, True]
        with tab.expect_response("**/") as answer:
            tab.clock.run_for(15_100)
        assert (answer.value.status, site.asked[-1]) == (304, site.shown.headers["ETag"])
        assert said == []


def test_the_place_is_kept(browser: Any) -> None:
    """Who reads further down stays there."""
    site = Site(page(sample.status()))
    with opened(browser, site) as (tab, _):
        tab.evaluate("scrollTo(0, 500); document.querySelector('main').dataset.old = 1")
        tab.clock.run_for(15_100)
        tab.wait_for_selector("main:not([data-old])")
        assert tab.evaluate("scrollY") == 500


def test_the_page_does_not_move_under_the_reader(browser: Any) -> None:
    """While text is selected nothing is fetched."""
    site = Site(page(sample.status()))
    with opened(browser, site) as (tab, _):
        tab.click(".cmd")
        before = len(site.asked)
        tab.clock.run_for(60_000)
        assert len(site.asked) == before
        assert tab.evaluate("String(getSelection())") == 'factory pipeline retry ACME-131 --reason "…"'


def test_a_server_that_is_gone_leaves_no_fresh_looking_page(browser: Any) -> None:
    """After a failed renewal the colours drain and the page says since when; after the next good one all is well."""
    site = Site(page(sample.status()))
    with opened(browser, site) as (tab, _):
        site.status = 500
        tab.clock.run_for(15_100)
        tab.wait_for_selector("main.aged")
        assert tab.inner_text("#fresh") == "Not renewed since 03:12:06 UTC. Trying again."
        site.status = 200
        tab.clock.run_for(30_100)
        tab.wait_for_selector("main:not(.aged)")


def test_the_stale_page_comes_through_a_503(browser: Any) -> None:
    """What the host sends with a 503 is shown."""
    site = Site(page(sample.status()))
    with opened(browser, site) as (tab, _):
        site.status, site.shown = 503, stale_page(sample.status(), NOW, "The state store did not answer.")
        tab.clock.run_for(15_100)
        tab.wait_for_selector("#bar[role=alert]")
        assert tab.inner_text("h1") == "3 items needed a person at 03:12."


def test_without_a_script_there_is_a_link(browser: Any) -> None:
    """The page works with scripts off."""
    with opened(browser, Site(page(sample.status())), java_script_enabled=False) as (tab, _):
        assert tab.get_attribute("#renew", "href") == "/"
