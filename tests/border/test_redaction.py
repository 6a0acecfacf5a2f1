"""No secret leaves, or is stored, whoever wrote it and wherever it stands."""

from __future__ import annotations

import asyncio
import base64
import html
import json
import logging
import unicodedata
from typing import Any
from urllib.parse import quote, unquote_plus

import httpx2
import pytest

from adapters.aws.logger import log_in_lines as log_on_aws
from adapters.cloudflare.log_lines import log_in_lines as log_on_cloudflare
from adapters.credentials.secrets import Secrets
from adapters.logs.redaction import HIDDEN, Redactor, shaped_like_secrets, values_of_secrets
from adapters.providers.http_call import RedactingClient
from factory_core.dispatch.events import Reply
from factory_core.errors import Terminal
from factory_core.overview import item_overview, overview
from factory_core.runs.run import RunStatus
from factory_core.runs.run_checks import CheckResult
from factory_core.text.redaction import redacted
from tests.core.growth import assert_linear, repeated
from tests.core.world import START, World, run, ticket

pytestmark = pytest.mark.pure

CANARY = 'canary-Zk81/worker+signing "value"'
PLAIN = "canary-9917-status"
PEM = "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn\nygWyF0qJZ5yXn0J8Ww==\n-----END KEY-----"
REDACT = Redactor(lambda: {CANARY, PLAIN, PEM})


def base64_behind(*before: str) -> list[str]:
    return [base64.b64encode(f"{one}{CANARY}:x".encode()).decode() for one in before]


WRITTEN = [
    CANARY, PLAIN, f"x{PLAIN}y", PEM, PEM.split("\n")[1], PEM.replace("\n", "\\n"), json.dumps({"a": CANARY}),
    quote(CANARY, safe=""), f"https://x.io/?a={quote(CANARY)}", CANARY.encode().hex(), CANARY.encode().hex().upper(),
    *base64_behind("", "u:", "user:", "x-access-token:"), base64.urlsafe_b64encode(CANARY.encode()).decode(),
    "&lt;" + html.escape(CANARY), "\0".join(PLAIN), "%".join(["", *(f"{byte:02X}" for byte in PLAIN.encode())]),
    "canary\u200b-9917-status", "canary-\u202e9917-status", "canary&#45;9917-status", "&#x63;anary-9917-status",
]  # fmt: skip


@pytest.mark.parametrize("text", WRITTEN)
def test_a_known_value_is_hidden_however_it_is_written(text: str) -> None:
    """As it is, in JSON, an address, base64, hex, by lines, as entities, with letters of no width."""
    shown = REDACT(f"The value is {text} there.")
    assert HIDDEN in shown and shown.startswith("The value is ") and shown.endswith("there.")
    assert not REDACT.holds(shown) and "Zk81" not in shown and "9917" not in shown and "MIIE" not in shown


RANDOM = "Zk81+worker/signing=Value-7731"
HALF = len(RANDOM) * 2 // 3
APART = [
    f"{RANDOM[:15]}\n{RANDOM[15:]}", f"> {RANDOM[:15]}\r\n> {RANDOM[15:]}", f"+{RANDOM[:9]}\n+    {RANDOM[9:]}",
    " ".join(RANDOM), "\u00a0".join(RANDOM), "\u200d".join(RANDOM), "\u0301\ufe0f".join(RANDOM),
    f"**{RANDOM[:9]}**{RANDOM[9:]}", f"`{RANDOM[:9]}` `{RANDOM[9:]}`", f'"{RANDOM[:9]}" + "{RANDOM[9:]}"',
    json.dumps(f"{RANDOM[:9]}\n{RANDOM[9:]}"), json.dumps(RANDOM).replace("/", "\\/"),
    RANDOM.replace("-", "\\-"), RANDOM.upper(), RANDOM.encode().hex(":"),
    "".join(chr(ord(sign) + 0xFEE0) for sign in RANDOM), base64.encodebytes(b"k=" + RANDOM.encode() * 3).decode(),
    f"{RANDOM[:HALF]}…", f"…{RANDOM[-HALF:]}", f"{RANDOM[:9]}<!-- -->{RANDOM[9:]}",
]  # fmt: skip


@pytest.mark.parametrize("text", APART, ids=ascii)
def test_a_value_that_is_torn_apart_or_cut_is_hidden(text: str) -> None:
    """Over lines, quotes, a diff, marks of Markdown, another width or case; half of it is too much, too."""
    shown = Redactor(lambda: {RANDOM})(f"The value is {text} there.")
    assert HIDDEN in shown and shown.startswith("The value is ") and shown.endswith("there.")
    letters = "".join(filter(str.isalnum, unicodedata.normalize("NFKD", shown))).lower()
    assert "zk81" not in letters and "7731" not in letters


def test_words_are_no_secret_where_a_value_is_made_of_them() -> None:
    for value in ("sandbox-github-webhooks", "sandbox-github-webhooks-2024"):
        assert Redactor(lambda value=value: {value})(prose := "The sandbox: GitHub webhooks") is prose


def test_what_was_escaped_stays_escaped() -> None:
    """Where a value is found behind entities, the others around it are not turned into markup."""
    redact = Redactor(lambda: {"ab&cd<ef-9917"})
    for value in ("ab&cd<ef-9917", "ab&amp;cd&lt;ef-9917", "ab&#38;cd%3cef-9917", "ab%26cd%3Cef-9917"):
        shown = redact(f"&lt;!channel&gt; {value} %3Cb%3E &#64;all")
        assert shown == f"&lt;!channel&gt; {HIDDEN} %3Cb%3E &#64;all"
    assert redact('{"why": "&quot;,", "a": "ab&amp;cd&lt;ef-9917"}') == f'{{"why": "&quot;,", "a": "{HIDDEN}"}}'
    assert redact("ab&#38;#38;cd") == "ab&#38;#38;cd"


TOKENS = [
    "ghp_a1B2a1B2a1B2a1B2a1B2a1B2a1B2a1B2a1B2", "ghs_short123456", "github_pat_11ABCDEFG0123456789abcdef",
    "xoxb-17653672481-19874698323", "lin_api_a1B2c3D4", "sk-ant-a1B2c3D4e5F6a1B2c3", "AKIAIOSFODNN7EXAMPLE",
    "Bearer a1b2c3d4e5f6g7h8i9", "https://maya:hunter2@db.example", "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.dBjftJeZ4CVP",
    "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4\n\n" + "A1b2" * 16 + "\n" + "C3d4" * 8,
]  # fmt: skip


@pytest.mark.parametrize("token", TOKENS)
def test_what_has_the_shape_of_a_secret_is_hidden(token: str) -> None:
    shown = Redactor()(f"use {token} here")
    secret = token.partition(" ")[2] if token.startswith("Bearer") else token
    assert HIDDEN in shown and secret not in shown and shown.endswith(" here") and "C3d4" not in shown


def test_prose_stays() -> None:
    """Also what begins like a token, and a variable that is no secret."""
    prose = (
        "Bearer authentication, Basic configuration of sk-learn, a risk-averse-long-named-task; see https://x.io:80/a@b"
        " and ghp_, `lin_api_`, -----BEGIN PUBLIC KEY-----, 100 % & &amp; %20."
    )
    assert REDACT(prose) is prose
    assert values_of_secrets({"KEYBOARD": "en_US.UTF-8", "SSH_KEY_FILE": "/home/maya/key", "API_KEY": "short"}) == set()
    assert values_of_secrets({"HOOK_SECRET": "old-value-1, new-value-2"}) == {
        "old-value-1, new-value-2", "old-value-1", "new-value-2",
    }  # fmt: skip


HOSTILE = [("-----BEGIN PRIVATE KEY-----\n", "a: x\\n"), ("", "-----BEGIN PRIVATE KEY-----\n"), ("", "Bearer "),
           ("", "://a:"), ("eyJ", "a"), ("sk-", "a-"), ("", "&"), ("", "%4"), ("", "_authToken" + " " * 100),
           ("", " ".join(PEM)), ("", "c a n a r y 9 9 1 7 s t a t u s ")]  # fmt: skip


@pytest.mark.parametrize(("before", "piece"), HOSTILE, ids=lambda text: text[:20])
def test_hostile_text_takes_a_time_that_grows_with_it_and_no_faster(before: str, piece: str) -> None:
    def redact(text: str) -> None:
        REDACT(text)
        shaped_like_secrets(text.encode())

    assert_linear(redact, lambda length: f"{before}{repeated(piece)(length)}!", 200_000)


def test_a_value_is_searched_at_any_depth_and_stays_the_same_object_without_one() -> None:
    reply = Reply(id="1", author="maya", text="fine", at=START, attachments=("a.txt",))
    assert redacted(reply, REDACT) is reply
    found = redacted(reply.model_copy(update={"attachments": ("a.txt", f"{PLAIN}.txt")}), REDACT)
    assert found.attachments == ("a.txt", "[hidden].txt") and isinstance(found, Reply)
    assert redacted({"a": [(PLAIN, 1)], PLAIN: None}, REDACT) == {"a": [("[hidden]", 1)], PLAIN: None}
    assert redacted(State := RunStatus.ASKED, lambda text: "x") is State


# what is stored and shown


def test_no_record_and_no_page_holds_a_secret() -> None:
    """Whoever wrote it: the ticket's author, a person who answers, an agent, a check, a reviewer, a vendor."""

    async def story() -> None:
        world = World(redact=REDACT)
        said = f"It is {CANARY} or {PLAIN}."

        async def nothing_leaks() -> None:
            record = await world.record()
            page = await overview(world.factory.observed, world.fleet, "1")
            item = await item_overview(world.factory.observed, world.fleet, "ACME-1", "1")
            assert item and HIDDEN in record.model_dump_json() and HIDDEN in item.model_dump_json()
            threads = [text for thread in world.channel.threads.values() for text in thread]
            for text in (
                record.model_dump_json(),
                page.model_dump_json(),
                item.model_dump_json(),
                *world.said(),
                *threads,
            ):
                assert "Zk81" not in text and "9917" not in text, text

        await world.add(ticket(title=f"Use {PLAIN}"))
        await nothing_leaks()
        await world.agent_ends(RunStatus.ASKED, words=f"Is {CANARY} right?")
        await nothing_leaks()
        await world.hear(world.reply(said))
        await nothing_leaks()
        failed = CheckResult(name="tests", command="make test", output=said, end=f"exit {PLAIN}")
        await world.agent_ends(RunStatus.REJECTED, why=f"check failed: {said}", checks=(failed,))
        await nothing_leaks()

    run(story())


def test_the_words_of_a_vendor_hold_none() -> None:
    async def story() -> None:
        world = World(redact=REDACT)

        async def refuse(*_: Any) -> Any:
            raise Terminal(f"no {PLAIN}", why=f"it knows {CANARY}", fix=f"In the host: change {PLAIN}")

        world.target.open_pull_request = refuse  # type: ignore[method-assign]
        await world.add(ticket())
        await world.agent_ends(words="Done.")
        record = await world.record()
        assert record.block and HIDDEN in record.block.why
        assert "Zk81" not in record.model_dump_json() and "9917" not in record.model_dump_json() + "".join(world.said())

    run(story())


# what is sent


@pytest.mark.parametrize("part", ["json", "data", "content"])
def test_no_request_carries_a_secret_but_in_its_headers(part: str) -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200)

    async def main() -> None:
        given: Any = {"text": f"a {CANARY} b", "more": json.dumps({"key": PLAIN})}
        body = json.dumps(given).encode() if part == "content" else given
        async with RedactingClient(REDACT, transport=httpx2.MockTransport(answer)) as http:
            headers = {"authorization": f"Bearer {PLAIN}"}
            await http.send(http.build_request("POST", "https://x.io", headers=headers, **{part: body}))
            await http.post("https://x.io", headers=headers, **{part: body})

    asyncio.run(main())
    for request in seen:
        sent = unquote_plus(request.content.decode())
        assert sent.count(HIDDEN) == 2 and "canary" not in sent and request.headers["authorization"].endswith(PLAIN)
    assert len(seen) == 2


# what is logged


def test_no_log_of_any_host_holds_a_secret(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of any tenant that the process knows: it is one log."""
    secrets = [Secrets({"ACME_GITHUB_TOKEN": PLAIN}), Secrets({"GLOBEX_GITHUB_TOKEN": CANARY})]
    assert all(repr(one) == "Secrets(…)" for one in secrets)
    try:
        raise ValueError(f"{CANARY} \x9b31m\u202e")
    except ValueError as error:
        fault = (type(error), error, error.__traceback__)
    made = logging.LogRecord("factory", logging.ERROR, "f.py", 1, "it says %s", (PLAIN,), fault)
    made.what = f"Issue {PLAIN}"
    monkeypatch.setenv("AWS_SESSION_TOKEN", "lambda-session-1")
    kept, level = logging.root.handlers[:], logging.getLogger("factory").level
    try:
        for log_in_lines in (log_on_cloudflare, log_on_aws):
            log_in_lines()
            logging.root.handle(made)
    finally:
        logging.root.handlers[:] = kept
        logging.getLogger("factory").setLevel(level)
    printed = capsys.readouterr().out
    assert printed.count("\n") == 2
    for line in printed.splitlines():
        assert "9917" not in line and "Zk81" not in line and HIDDEN in line and "ValueError" in line
    assert printed.isascii()
