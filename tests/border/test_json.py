"""JSON is read the same everywhere: each reader takes a document, or refuses it in its one way, as all others do."""

from __future__ import annotations

import asyncio
import json
import math
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import httpx2
import pytest
from pydantic import ValidationError

from adapters.aws.record_codec import pack, unpack
from adapters.fleets.local_engines.claude import Claude
from adapters.fleets.local_engines.codex import Codex
from adapters.fleets.local_engines.console import Console
from adapters.fleets.local_engines.engine import Engine, Seen, fields
from adapters.fleets.worker_queue.client import FactoryClient
from adapters.fleets.worker_queue.endpoint import _read
from adapters.fleets.worker_queue.protocol import Claim, Report, Speaker, spelled
from adapters.providers.github.client import document as github_document
from adapters.providers.linear.client import LinearClient
from adapters.providers.linear.webhook import read as read_linear
from adapters.providers.relayfile.client import document as relayfile_document
from adapters.providers.slack.client import SlackClient
from adapters.providers.slack.webhook import Head as SlackHead
from adapters.stores.memory.state_store import InMemoryStateStore
from adapters.stores.record_sql import decode, encode
from factory_core.dispatch.records import InFlightRecord, LogEntry
from factory_core.errors import Refused, Retryable, UnreadableRecord
from factory_core.http import HttpRequest
from factory_core.payload import number, object_in, parse, parse_as, read_model, read_object, text, to_json, whole
from factory_core.runs.run import RunReport, RunStatus, Usage
from factory_core.work_item import Frozen

pytestmark = pytest.mark.pure

NOW = datetime(2026, 11, 30, tzinfo=UTC)


class Reader(NamedTuple):
    """`frame` are the members that it wants to see; it raises `refuses` for what it does not take."""

    frame: bytes
    read: Callable[[bytes], object]
    refuses: type[Exception]


def asked(use: Callable[[httpx2.AsyncClient], Awaitable[object]]) -> Callable[[bytes], object]:
    """A client's call, when this is what a vendor answers."""

    def read(raw: bytes) -> object:
        async def main() -> object:
            answer = httpx2.MockTransport(lambda request: httpx2.Response(200, content=raw))
            async with httpx2.AsyncClient(transport=answer) as http:
                return await use(http)

        return asyncio.run(main())

    return read


def line(raw: bytes) -> object:
    """An engine's line; a process may print any bytes, and those that are no text are lost before."""
    return _some(fields(raw.decode()))


def _some(value: object) -> object:
    if not value:
        raise ValueError
    return value


WORKER = Speaker(id="worker-12345")
READERS = {
    "Linear's webhook": Reader(b'"type":"Project","action":"update","webhookTimestamp":1', read_linear, Refused),
    "Slack's webhook": Reader(b'"type":"event_callback"', lambda raw: read_model("slack", SlackHead, raw), Refused),
    "GitHub's webhook": Reader(b'"action":"opened"', lambda raw: read_object("github", raw), Refused),
    "GitHub's answer": Reader(b'"id":1', lambda raw: github_document(httpx2.Response(200, content=raw)), Retryable),
    "Linear's answer": Reader(b'"data":{}', asked(lambda http: LinearClient(http, "t").post("Viewer", {})), Retryable),
    "Slack's answer": Reader(b'"ok":true', asked(lambda http: SlackClient(http, "t").call("auth.test")), Retryable),
    "relayfile's answer": Reader(
        b'"a":1', lambda raw: relayfile_document(httpx2.Response(200, content=raw)), Retryable
    ),
    "an engine's line": Reader(b'"type":"result"', line, ValueError),
    "a worker's request": Reader(
        b'"schema":"factory.worker/1","worker":{"id":"worker-12345"}',
        lambda raw: _read(Claim, HttpRequest(path="/fleet/a/claim", headers={}, body=raw, received_at=NOW)),
        Refused,
    ),
    "the factory's answer": Reader(
        b'"retry_after_s":1', asked(lambda http: FactoryClient(http, "http://x", "a", "t", WORKER).claim()), Retryable
    ),
    "a stored record": Reader(
        b'"work_item_id":"ACME-1"', lambda raw: decode(InFlightRecord, raw.decode("utf-8")), UnreadableRecord
    ),
}


def taken(reader: Reader, raw: bytes) -> bool:
    """Any other exception than its own refusal leaves it; what is no UTF-8 never gets as far as a text."""
    try:
        reader.read(raw)
    except reader.refuses:
        return False
    except UnicodeDecodeError:
        assert reader.read in (READERS["an engine's line"].read, READERS["a stored record"].read)
        return False
    return True


# documents from a seed

TOKENS = [
    b"0", b"-0", b"1", b"01", b"+1", b"1.", b".5", b"1e5", b"1E+400", b"-1e400", b"1e-400", b"0x1", b"1_0", b"9" * 30,
    b"9" * 4_300, b"9" * 4_301, b"-" + b"9" * 5_000, b"0." + b"9" * 5_000, b"NaN", b"Infinity", b"-Infinity", b"nan",
    b"null", b"true", b"True", b"undefined", b"'a'", b"\\u0031", b"/**/1", b"", b"\xff", b"\x00",
]  # fmt: skip
PIECES = [
    b"a", b" ", "é🏭".encode(), b"\\n", b'\\"', b"\\\\", b"\\/", b"\\u0000", b"\\u0041", b"\\ud83d\\ude00",
    b"\\ud83d", b"\\uDE00", b"\\ude00\\ud83d", b"\\\\ud83d", b"\\x41", b"\\u12", b"\\uD83D\\u0041", b"\n", b"\t",
    b"\x01", b"\x7f", b"\xed\xa0\xbd", b"\xff", "\u2028\ufeff".encode(), b"\\ufffe", b"<!--", b"\\u202e",
]  # fmt: skip


def a_string(rng: random.Random) -> bytes:
    return b'"' + b"".join(rng.choices(PIECES, k=rng.randrange(6))) + (b'"' if rng.random() < 0.97 else b"")


def a_value(rng: random.Random, depth: int = 0) -> bytes:
    kind = rng.random()
    if kind < 0.3 or depth > 3:
        return rng.choice(TOKENS)
    if kind < 0.6:
        return a_string(rng)
    if kind < 0.75:
        return (
            b"[" + b",".join(a_value(rng, depth + 1) for _ in range(rng.randrange(4))) + rng.choice([b"]", b",]", b"]"])
        )
    if kind < 0.9:
        members = (a_string(rng) + b":" + a_value(rng, depth + 1) for _ in range(rng.randrange(4)))
        return b"{" + b",".join(members) + b"}"
    levels = rng.choice([10, 150, 300, 1_100, 20_000])
    return rng.choice([b"[" * levels + b"]" * levels, b'{"a":' * levels + b"1" + b"}" * levels, b"[" * levels])


def damaged(rng: random.Random, whole: bytes) -> bytes:
    """The document as a whole, in one of the ways in which it may come."""
    ways = [whole] * 12 + [
        b"\xef\xbb\xbf" + whole, whole + b" \n", b"\r\n\t" + whole, whole + b"x", whole + whole, whole[:-1], whole[1:],
        b"", b"  ", b"\xef\xbb\xbf\xef\xbb\xbf" + whole, b"[" + whole, b"\x00" + whole, whole.replace(b",", b",,", 1),
    ]  # fmt: skip
    return rng.choice(ways)


def documents(seed: int, count: int) -> list[Callable[[bytes], bytes]]:
    """Each makes a reader's own document out of the members that it wants."""

    def one(index: int) -> Callable[[bytes], bytes]:
        def made(frame: bytes) -> bytes:
            rng = random.Random(f"{seed}:{index}")
            return damaged(rng, b"{" + frame + b',"zz":' + a_value(rng) + b"}")

        return made

    return [one(index) for index in range(count)]


def test_every_reader_gives_the_same_verdict() -> None:
    """Three hundred documents, of which some are taken and some are not; nothing else leaves a reader."""
    verdicts = []
    for made in documents(seed=11, count=300):
        seen = {name: taken(reader, made(reader.frame)) for name, reader in READERS.items()}
        assert len(set(seen.values())) == 1, (made(b'"a":1')[:200], seen)
        verdicts.append(seen.popitem()[1])
    assert 60 < sum(verdicts) < 240


class Anything(Frozen):
    a: Any = None
    zz: Any = None


def test_a_model_and_a_document_are_read_by_one_parser() -> None:
    """What one takes the other takes, with the same values, and none of them holds what cannot be written again."""
    for made in documents(seed=12, count=600):
        raw = made(b'"a":1')
        try:
            plain = parse(raw)
        except ValueError:
            plain = None
        try:
            model = parse_as(Anything, raw)
        except ValidationError:
            assert not isinstance(plain, dict), raw[:200]
            continue
        assert isinstance(plain, dict) and repr(model.zz) == repr(plain.get("zz"))
        json.dumps(plain, ensure_ascii=False).encode()


# what is taken, and as what


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (r'"cart \ud83d"', "cart �"),
        (r'"\ude00\ud83d"', "��"),
        (r'"\ud83d\ud83d\ude00\ud83d"', "�😀�"),
        (r'"\\ud83d \\\ud83d"', "\\ud83d \\�"),
        (r'{"\ud83d":1}', {"�": 1}),
        (r'"a\u0000b"', "a\0b"),
        ('\ufeff"a"', "a"),
        ('"\ud83d"', "?"),
        ("1e400", math.inf),
        ("9" * 4_300, int("9" * 4_300)),
        ('{"a":1,"b":{"a":2,"a":3},"a":4}', {"a": 4, "b": {"a": 3}}),
        ("[" * 200 + "]" * 200, None),
    ],
)
def test_what_others_write_is_taken(raw: str, value: object) -> None:
    """Half a character is lost, NUL stays, of two members with one name the last counts."""
    read = parse(raw)
    assert value is None or read == value


@pytest.mark.parametrize(
    "raw", ["", "9" * 4_301, "[" * 300 + "]" * 300, "[" * 100_000, '"\\ud83d', '"\ud83d" x', '{"a":1} 2']
)
def test_what_is_no_json_is_a_value_error(raw: str) -> None:
    """However deep, however long."""
    with pytest.raises(ValueError):
        parse(raw)
    assert object_in(raw) is None


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "latin-1"])
def test_only_utf_8_is_read(encoding: str) -> None:
    with pytest.raises(ValueError):
        parse('{"a":"é"}'.encode(encoding))


def test_no_field_takes_what_is_no_number() -> None:
    """A time, a limit or a cost that is infinite, or none, would be believed for ever."""
    for raw in (b"NaN", b"Infinity", b"1e400"):
        with pytest.raises(Refused):
            read_linear(b'{"type":"Issue","action":"update","data":{},"webhookTimestamp":' + raw + b"}")
        assert number({"a": parse(raw)}, "a") is None
    assert text({"a": 1}, "a") == ""


# what is stored comes back


def odd() -> InFlightRecord:
    words = ("half \ud83d", "nul \0", "pair 😀", "line\u2028sep", "bidi \u202e", "�")
    log = tuple(LogEntry(at=NOW, by="person", text=word, quote=word) for word in words)
    spent = Usage(turns=10**4_000, input_tokens=-5)
    return InFlightRecord(work_item_id="ACME-1", branch="half \ude00", feedback=words, log=log, spent=spent)


def test_a_record_with_half_a_character_is_stored_and_comes_back() -> None:
    """By whatever way it came: what no store can keep is lost, and nothing else is."""
    kept = whole(odd())
    assert [entry.text for entry in kept.log] == ["half �", "nul \0", "pair 😀", "line\u2028sep", "bidi \u202e", "�"]
    assert decode(InFlightRecord, encode(odd())) == kept
    assert decode(InFlightRecord, unpack(pack(encode(odd()), "ACME-1"))) == kept
    assert parse_as(InFlightRecord, to_json(odd())) == kept
    assert (kept.spent.turns, kept.spent.input_tokens) == (10**15, 0)

    async def main() -> InFlightRecord | None:
        store = InMemoryStateStore(lambda: NOW)
        await store.put_in_flight(odd())
        return await store.get_in_flight("ACME-1")

    stored = asyncio.run(main())
    assert stored == kept.model_copy(update={"version": 1})


def test_a_worker_says_what_it_has_to_say() -> None:
    """Words that hold half a character do not keep a run's end from being reported."""
    report = RunReport(run_id="R-1", work_item_id="ACME-1", status=RunStatus.FAILED, words="half \ud83d", why="nul \0")
    said = parse_as(Report, spelled(Report(worker=WORKER, epoch=1, report=report))).report
    assert (said.words, said.why) == ("half ?", "nul \0")


@pytest.mark.parametrize("engine", [Claude(), Codex(), Console()])
def test_whatever_an_engine_prints_can_be_kept(engine: Engine) -> None:
    """Half a character, numbers of any size, deep nesting: the stream goes on, and what was seen is stored."""
    odd = r'"half \ud83d nul \u0000"'
    lines = [
        f'{{"type":"result","subtype":"success","is_error":false,"result":{odd},"num_turns":{"9" * 4_000},'
        f'"total_cost_usd":1e400,"usage":{{"input_tokens":{"9" * 4_300},"output_tokens":-1}}}}',
        f'{{"type":"turn.completed","usage":{{"input_tokens":{"9" * 4_300},"output_tokens":NaN}},"x":{odd}}}',
        f'{{"type":"item.completed","item":{{"type":"agent_message","text":{odd}}}}}',
        f'{{"type":"turn","doing":{odd},"input_tokens":{"9" * 4_300}}}',
        f'{{"type":"done","words":{odd}}}',
        "[" * 100_000,
        '{"type":"result","x":' + "[" * 5_000 + "]" * 5_000 + "}",
    ]  # fmt: skip
    seen = Seen()
    for printed in (*lines, *lines):
        seen = engine.read(printed, seen)
    kept = parse_as(Seen, to_json(seen))
    assert (
        kept.words in ("", "half � nul \0") and 0 <= kept.usage.input_tokens <= 10**15 and 0 <= kept.usage.usd <= 10**9
    )
    engine.verdict(kept, 0, "", NOW)
