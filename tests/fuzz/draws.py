"""Input that cannot be, made of input that can: a document with a wrong value, and bytes that are no document."""

from __future__ import annotations

import copy
import gzip
import json
import random
from collections.abc import Iterator
from typing import Any

NUMBERS = (
    "0", "-0", "-1", "1e5", "1.5", "1E+80000000", "-1E+80000000", "1e-400", "1e400", "NaN", "Infinity", "-Infinity",
    "9007199254740993", "9" * 30, "9" * 4_290, "9" * 4_300, "9" * 4_301, "-" + "9" * 4_290, "0." + "1" * 9_000, "01",
    "253402300800", "-62135596801", "1e300", "true", "null",
)  # fmt: skip
TIMES = (
    "2026-12-01T00:00:00", "2026-12-01", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59",
    "2026-12-01T00:00:00+99:00", "2026-13-01T00:00:00Z", "2026-12-01T24:00:00Z", "2026-12-01T23:59:60Z", "1e12",
    "P999999999D", "-P1D", "PT1e300S", "Jan 1st, 9999 11:59 pm", "٢٠٢٦-١٢-٠١T00:00:00Z",
)  # fmt: skip
TEXTS = (
    "", " ", "\0", "a\0b", "\ud83d", "\udc00\ud83d", "�", "\ufeff", "\u202egnp.exe", "\x1b]0;x\x07", "\x9b31m",
    "\u2028",
    "x" * 300, "x" * 70_000, "😀" * 20_000, "\0" * 30_000, "--dangerously-bypass-approvals-and-sandbox", "-x",
    "../../x",
    "/etc/passwd", "<script>alert(1)</script>", "<!channel>", "%s%n{0}", "'; drop table runs; --", "a" * 40, "A" * 40,
    "factory/ACME-1-x", "HEAD", "refs/heads/x", "a..b", "@{-1}", "succeeded", "running", "waiting", "splendid",
    "\r\n\r\n",
    "Question: what?\n" * 900, "try again at Feb 30th, 2026 1:00 am", "try again at Jan 1st, 0001 1:00 am",
)  # fmt: skip


def value(rng: random.Random, depth: int = 0) -> str:
    """JSON of one value, or of what only looks like one."""
    kind = rng.randrange(12 if depth < 3 else 8)
    if kind < 3:
        return rng.choice(NUMBERS)
    if kind < 5:
        return json.dumps(rng.choice(TIMES))
    if kind < 8:
        return json.dumps(rng.choice(TEXTS), ensure_ascii=rng.random() < 0.7)
    if kind == 8:
        levels = rng.choice((3, 190, 199, 300, 5_000, 100_000))
        return rng.choice(("[" * levels + "]" * levels, '{"a":' * levels + "1" + "}" * levels, "[" * levels))
    if kind == 9:
        return "[" + ",".join(value(rng, depth + 1) for _ in range(rng.choice((0, 1, 3, 60)))) + "]"
    if kind == 10:
        return json.dumps(rng.choice(TEXTS)[:50])
    members = (f"{json.dumps(rng.choice(TEXTS)[:50])}:{value(rng, depth + 1)}" for _ in range(rng.randrange(4)))
    return "{" + ",".join(members) + "}"


def spoiled(rng: random.Random, document: Any, times: int = 0) -> bytes:
    """The document with one or a few of its values replaced, left out or doubled, and perhaps damaged as a whole."""
    changed, holes = copy.deepcopy(document), dict[str, str]()
    for number in range(times or rng.choice((0, 1, 1, 1, 2, 5))):
        places = list(_places(changed))
        if not places:
            break
        parent, key = rng.choice(places)
        hole = f"\N{REPLACEMENT CHARACTER}hole{number}\N{REPLACEMENT CHARACTER}"
        way = rng.randrange(6)
        if way == 0 and isinstance(parent, dict):
            del parent[key]
        elif way == 1 and isinstance(parent, dict):
            parent[f"{key}{hole}"] = parent[key]
            holes[f"{key}{hole}"] = key
        else:
            parent[key] = hole
            holes[f'"{hole}"'] = value(rng)
    text = json.dumps(changed, ensure_ascii=False)
    for hole, filled in holes.items():
        text = text.replace(hole, filled)
    return damaged(rng, text.encode("utf-8", "surrogatepass"))


def damaged(rng: random.Random, body: bytes) -> bytes:
    """As it may arrive; mostly whole."""
    if rng.random() < 0.75:
        return body
    cut = rng.randrange(len(body) + 1)
    ways = (
        b"\xef\xbb\xbf" + body, gzip.compress(body, mtime=0), body[:cut], body[cut:], body + body, b"[" + body + b"]",
        body[:cut] + bytes(rng.randrange(256) for _ in range(3)) + body[cut:], body.replace(b'"', b"'"), b"",
        b"\x00" * 9, body.decode("utf-8", "replace").encode("utf-16"), b" " * 200_000 + body,
        body[:cut] + b"\xed\xa0\xbd" + body[cut:],
    )  # fmt: skip
    return rng.choice(ways)


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every value of the document, as its parent and its key there."""
    members = document.items() if isinstance(document, dict) else enumerate(document)
    for key, one in list(members):
        yield document, key
        if isinstance(one, (dict, list)):
            yield from _places(one)
