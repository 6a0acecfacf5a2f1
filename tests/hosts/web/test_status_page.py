"""The page: the same numbers as the words, nothing executable, whatever a ticket is called."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from adapters.web.status_page import Page, item_page, page, stale_page
from adapters.web.status_page.html import VOID, anchor, tag
from adapters.web.status_page.style import STYLE
from factory_core.dispatch.records import InFlightRecord, LogEntry, State
from factory_core.status import item_report, report, words

from . import sample
from .golden import matches
from .sample import NOW, before

pytestmark = pytest.mark.pure

HOSTILE = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</title></style></main><svg onload=alert(1)>",
    "'; DROP TABLE items; -- `$(reboot)` {{7*7}} ${7*7} <%= 7 %>", "\u202egnp.exe\u2066 \u200f", "x" * 10_240,
    "🏭👩‍👩‍👧 emoji", "שלום עולם مرحبا", "&lt;b&gt; &amp; <!-- --> ]]>", "\ud800 \x00 \x1b[31m\uffff",
]  # fmt: skip


class Reader(HTMLParser):
    """The tags in their order, the attributes, the text outside of style and script; unclosed tags are an error."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(page.html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID and not self.rawdata[: self.rawdata.find(">")].endswith("/"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in {"style", "script"}:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words).replace("\u00a0", " "))


def named(title: str) -> list[InFlightRecord]:
    """The whole factory, every ticket and quote by this name."""
    return [
        record.but(
            item=record.item.model_copy(update={"title": title, "reporter": title[:200]}) if record.item else None,
            clarification=record.clarification.model_copy(update={"question": title}) if record.clarification else None,
            log=tuple(LogEntry(at=line.at, by=line.by, text=title[:500], quote=title) for line in record.log),
        )
        for record in sample.records()
    ]


def pages(title: str) -> list[Page]:
    records, config = named(title), sample.config()
    runs = {key: run.model_copy(update={"progress": title}) for key, run in sample.runs().items()}
    status = report(records, sample.batch(), runs, sample.lines(), config, NOW, before(seconds=4), "1")
    items = [item_report(record, runs.get(f"{record.key}:1"), config, NOW, "1") for record in records]
    return [page(status), stale_page(status, NOW, title), *map(item_page, items)]


def all_pages() -> list[Page]:
    ordinary = pages("Retry failed exports")
    return [*ordinary, page(sample.empty()), stale_page(sample.empty(), NOW, "No."), stale_page(None, NOW, "No.")]


def test_the_page_is_exactly_this_file() -> None:
    """A change of the page is a change that somebody looked at."""
    assert matches("page.html", page(sample.status()).html)


def test_the_page_says_what_the_words_say() -> None:
    """Each sentence, key, duration and sum of `factory status --all` stands on the page, and in the same order."""
    status = sample.status()
    shown, said = Reader(page(status)).text, words(status, all=True)
    told = [status.verdict.sentence, status.verdict.detail]
    for item in status.items:
        told += [
            item.key,
            item.why,
            item.quote,
            item.then,
            item.where,
            item.fix_in_words,
            item.progress if not item.reason else "",
        ]
    for entry in status.queue:
        told += [entry.key, entry.why]
    assert [each for each in told if each and (each not in said or each not in shown)] == []
    numbers = re.findall(r"\d+ h \d\d|\d+ (?:min|s)\b|\$\d+(?:\.\d\d)?|#\d+|\d\d:\d\d", said)
    assert [number for number in numbers if number not in shown] == []
    in_words, on_page = (list(dict.fromkeys(re.findall(r"ACME-\d+", text))) for text in (said, shown))
    assert in_words == on_page


def test_the_policy_allows_exactly_the_one_style_and_the_one_script() -> None:
    """The hashes are those of what is in the page; nothing else may load or run."""
    for one in all_pages():
        for kind in ("style", "script"):
            (source,) = re.findall(rf"<{kind}>(.*?)</{kind}>", one.html, re.DOTALL)
            digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
            assert f"{kind}-src 'sha256-{digest}'" in one.csp
        assert one.csp.startswith("default-src 'none'; ")
        assert "unsafe" not in one.csp
        assert one.headers["Content-Security-Policy"] == one.csp


@pytest.mark.parametrize("title", HOSTILE, ids=range(len(HOSTILE)))
def test_no_title_changes_the_structure(title: str) -> None:
    """The tags of a page do not depend on what people wrote, and no attribute can run or style anything."""
    for hostile, harmless in zip(pages(title), pages("A plain title"), strict=True):
        read = Reader(hostile)
        assert read.tags == Reader(harmless).tags
        assert [found for found in read.attributes if found[1] == "style" or found[1].startswith("on")] == []
        assert hostile.html.encode("utf-8").count(b"<script>") == 1
        assert re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x1b]", hostile.html) is None


def test_every_address_may_be_followed() -> None:
    """Links lead to this page, or over https to a vendor; the icon is data; nothing else is loaded."""
    allowed = r"/|/items/[\w-]+|/status\.json|/healthz|#main|https://(linear\.app|acme\.slack\.com|github\.com)/.*"
    for one in all_pages():
        addresses = [(tag, value) for tag, name, value in Reader(one).attributes if name in {"href", "src", "action"}]
        assert {tag for tag, _ in addresses} <= {"a", "link"}
        assert [value for tag, value in addresses if tag == "a" and not re.fullmatch(allowed, value)] == []
        assert all(value.startswith("data:image/svg+xml;base64,") for tag, value in addresses if tag == "link")


def test_the_builder_escapes_and_follows_no_odd_address() -> None:
    """Text and attributes are escaped; an address of another kind leaves the bare words."""
    assert tag("p", "<b>", title='"x"') == '<p title="&quot;x&quot;">&lt;b&gt;</p>'
    assert anchor("x", "javascript:alert(1)") == anchor("x", "//evil.example") == "x"


def test_who_cannot_see_it_can_read_it() -> None:
    """One h1 that announces itself, one main, a skip link first, each sign named or hidden, ids once."""
    for one in all_pages():
        read = Reader(one)
        assert [read.tags.count(name) for name in ("h1", "main", "header", "footer")][:2] == [1, 1]
        assert read.tags[read.tags.index("body") + 1] == "a"
        signs = re.findall(r"<svg[^>]*>", one.html)
        assert all('aria-hidden="true"' in sign or re.search(r'role="img" aria-label="[^"]+"', sign) for sign in signs)
        ids = [value for _, name, value in read.attributes if name == "id"]
        assert len(ids) == len(set(ids))
        named_by = {value for _, name, value in read.attributes if name == "aria-labelledby"}
        assert named_by <= set(ids)


def test_the_tab_says_how_many_need_a_person() -> None:
    """A pinned tab is enough."""
    titles = [re.search("<title>(.*?)</title>", one.html) for one in (page(sample.status()), page(sample.empty()))]
    assert [found and found[1] for found in titles] == ["(3) factory, acme", "factory, acme"]


def test_old_numbers_are_never_shown_as_new() -> None:
    """When the store is silent the verdict is in the past tense, and the page says how old it is and what happens."""
    read = Reader(stale_page(sample.status(), NOW + timedelta(minutes=6), "The state store did not answer."))
    for said in ("3 items needed a person at 03:12.", "The other 7 were moving.", "This page is 6 min old.",
                 "The state store did not answer.", "data from 03:12:02", "webhooks get a 503"):  # fmt: skip
        assert said in read.text
    assert "3 items need a person." not in read.text
    assert "Moving" not in read.text


def test_an_empty_factory_tells_three_ways_to_a_first_ticket() -> None:
    """Each way is a numbered line."""
    read = Reader(page(sample.empty()))
    assert "Nothing to do. Intake is open." in read.text
    assert [step.words in read.text and step.command in read.text for step in sample.empty().start] == [True] * 3


def test_a_page_is_small() -> None:
    """16 items: below 36 kB, below 9 kB on the wire."""
    whole = page(sample.status()).html.encode()
    assert len(whole) < 36_000
    assert len(gzip.compress(whole)) < 9_000


def test_a_long_line_and_a_long_history_end() -> None:
    """Hundreds of items are cut with a word where the rest is; old history folds."""
    many = [sample.record(147, State.TRIAGING, before(minutes=n)).but(work_item_id=f"A-{n}") for n in range(80)]
    status = report(many, sample.batch(), {}, [], sample.config(), NOW, NOW, "1")
    assert "…30 more: factory status --all" in Reader(page(status)).text
    log = tuple(LogEntry(at=before(minutes=n), by="agent", text=f"line {n}") for n in range(60, 0, -1))
    shown = Reader(item_page(item_report(many[0].but(log=log), None, sample.config(), NOW, "1")))
    assert ("20 older" in shown.text, "details" in shown.tags) == (True, True)


def _tokens(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+):(#[0-9a-f]{6})", block))


LIGHT = _tokens(STYLE.split("@media")[0])
DARK = LIGHT | _tokens(STYLE.split("@media")[1])


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""

    def luminance(colour: str) -> float:
        parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_everything_can_be_read(theme: dict[str, str]) -> None:
    """Text has 4.5:1 on each ground it stands on, and the fills that tell a state 3:1, in both themes."""
    texts = [("ink", ground) for ground in ("paper", "raise", "need-bg", "wait-bg")]
    texts += [("ink-2", ground) for ground in ("paper", "need-bg", "wait-bg")] + [
        ("ink-3", "paper"),
        ("ink-3", "raise"),
        ("wait", "paper"),
    ]
    fills = [(fill, "paper") for fill in ("need", "wait-fill", "work-fill", "look-fill", "done-fill", "ink-3")]
    fills += [("need", "need-bg"), ("wait-fill", "wait-bg"), ("look-fill", "wait-bg")]
    assert [pair for pair in texts if contrast(theme[pair[0]], theme[pair[1]]) < 4.5] == []
    assert [pair for pair in fills if contrast(theme[pair[0]], theme[pair[1]]) < 3] == []
