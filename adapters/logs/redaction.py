"""What must not leave this process: the values of the secrets that it knows, and what has the shape of one."""

from __future__ import annotations

import base64
import html
import json
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, reduce
from html.entities import html5
from typing import NamedTuple
from urllib.parse import quote, unquote
from weakref import WeakSet

from factory_core.text.foreign_text import UNSEEN

HIDDEN = "[hidden]"
_NAME = re.compile(
    r"KEY(?!BOARD|MAP|SYM)|TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|(?:^|_)(?:PAT|DSN|AUTH)$", re.IGNORECASE
)
_SHORTEST = 8  # characters of a value: a shorter one could be an ordinary word
_SHORTEST_PART = 16  # of a line of a value, and of a value in another encoding


class Shape(NamedTuple):
    """What a token looks like, and a text that stands in each of them: without it nothing is searched for.

    `shown` is what is taken out of a text that is only shown; there a shorter one is no loss.
    """

    literal: str
    pattern: str
    shown: str = ""


# Tokens that their makers gave a shape, and private keys:
# https://docs.github.com/code-security/secret-scanning/introduction/supported-secret-scanning-patterns
# Each part of a private key takes a line at least, so that no text is read twice.
_SHAPES = (
    *(Shape(kind, rf"\b{kind}[0-9A-Z]{{16}}\b") for kind in ("AKIA", "ASIA")),
    *(Shape(f"gh{kind}_", rf"\bgh{kind}_[A-Za-z0-9]{{36,}}", rf"\bgh{kind}_\w{{8,}}") for kind in "pousr"),
    Shape("github_pat_", r"\bgithub_pat_\w{22,}", r"\bgithub_pat_\w{4,}"),
    Shape("glpat-", r"\bglpat-[\w-]{20,}"),
    Shape("xox", r"\bxox[abeoprs]-[\w-]{20,}", r"\bxox[abeoprs]-[\w-]{8,}"),
    Shape("xapp-", r"\bxapp-[\w-]{20,}"),
    Shape("lin_", r"\blin_(?:api|oauth)_\w{20,}", r"\blin_(?:api|oauth)_\w{4,}"),
    Shape("sk-", r"\bsk-(?:ant-|proj-|svcacct-)?[A-Za-z0-9_-]{32,}", r"\bsk-[\w-]{16,}"),
    Shape("k_live_", r"\b[sr]k_live_[A-Za-z0-9]{16,}"),
    Shape("whsec_", r"\bwhsec_[A-Za-z0-9+/]{24,}"),
    Shape("AIza", r"\bAIza[\w-]{35}\b"),
    Shape("npm_", r"\bnpm_[A-Za-z0-9]{36}\b"),
    Shape("pypi-AgE", r"\bpypi-AgE[\w-]{50,}"),
    Shape("SG.", r"\bSG\.[\w-]{22}\.[\w-]{43}\b"),
    Shape("_authToken", r"_authToken\s*=\s*[^$\s\"']\S{7,}"),
    Shape(
        "PRIVATE KEY",
        r"-----BEGIN (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----(?:\s|\\n)+"
        r"(?:[\w-]+: [^\n\\]*(?:\n|\\n)\s*)*[A-Za-z0-9+/=]{40,}(?:[ \t\r]*(?:\n|\\n)[ \t]*[A-Za-z0-9+/=]+)*",
    ),
)
# What only its surroundings make a secret is no reason to refuse a file: it may be an example.
_SHOWN = (
    *(Shape(one.literal, one.shown or one.pattern) for one in _SHAPES),
    Shape("eyJ", r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
    Shape("Bearer ", r"(?<=Bearer )(?=[\w.~+/-]*[0-9])[\w.~+/-]{16,}=*"),
    Shape("Basic ", r"(?<=Basic )(?=[\w+/-]*[0-9])[\w+/-]{16,}=*"),
    Shape("token=", r"(?<=[?&]token=)[^\s&#\"'<>]{8,}|(?<=[?&]access_token=)[^\s&#\"'<>]{8,}"),
    Shape("://", r"(?<=://)[^/\s:@]{1,200}:[^/\s@]{1,500}(?=@)"),
)
_IN_TEXT = [(one.literal, re.compile(one.pattern)) for one in _SHOWN]
_IN_FILES = [(one.literal.encode(), re.compile(one.pattern.encode())) for one in _SHAPES]


class Redactor:
    """Takes secrets out of text. `known` gives the values of today; none of them is shown by this object."""

    def __init__(self, known: Callable[[], Collection[str]] = tuple) -> None:
        self.known = known
        _redactors.add(self)

    def __call__(self, text: str) -> str:
        """The rest of the text stays as it is written: markup that was escaped is not given back."""
        forms = _forms_of(frozenset(self.known()))
        if _held(text, forms):
            text = reduce(lambda rest, form: rest.replace(form, HIDDEN), forms, text)
            for form in _held(text, forms):
                text = _spelled(form).sub(HIDDEN, text)
            for form in _held(text, forms):
                text = _without(text, _letters(form))
            if _held(text, forms):  # between letters that are read in two ways at once
                return HIDDEN
        for literal, pattern in _IN_TEXT:
            text = pattern.sub(HIDDEN, text) if literal in text else text
        return text

    def holds(self, text: str) -> bool:
        """Does one of the known values stand in it, in any usual encoding?"""
        return bool(_held(text, _forms_of(frozenset(self.known()))))

    def __repr__(self) -> str:
        return "Redactor(…)"


_redactors = WeakSet[Redactor]()


def in_this_process(more: Callable[[], Collection[str]] = tuple) -> Redactor:
    """For logs and errors, which belong to no tenant: all that anybody here knows, and `more`."""

    def known() -> Collection[str]:
        return {*more(), *(value for one in list(_redactors) for value in one.known())}

    made = Redactor(known)
    _redactors.discard(made)
    return made


def values_of_secrets(variables: Mapping[str, str]) -> frozenset[str]:
    """Every value under a name of a secret, and each of several between commas; without what could be a word or a
    path."""
    named = [value for name, value in variables.items() if _NAME.search(name)]
    parts = {part.strip() for value in named for part in (value, *value.split(","))}
    return frozenset(part for part in parts if len(part) >= _SHORTEST and not part.startswith("/"))


def shaped_like_secrets(content: bytes) -> list[bytes]:
    """What has the shape of a well-known token, or is a private key; in UTF-16, too."""
    texts = (content, content.replace(b"\0", b"")) if b"\0" in content else (content,)
    return [
        found[0]
        for text in texts
        for literal, pattern in _IN_FILES
        if literal in text
        for found in pattern.finditer(text)
    ]


def _held(text: str, forms: Sequence[str]) -> list[str]:
    """Those that somebody finds in it who does not see some letters, reads entities, follows an address, or puts
    together what stands on several lines. Of what is random, half is too much: it may have been cut."""
    if not forms:
        return []
    seen = _UNSEEN.sub("", text)
    readings = {text, seen, unescaped := html.unescape(seen), unquote(seen), unquote(unescaped)}
    letters = {_letters(reading) for reading in readings}
    return [
        form for form in forms
        if any(form in reading for reading in readings)
        or any(half in one for half in _halves(form) for one in letters)
    ]  # fmt: skip


_UNSEEN = re.compile(f"[\0{UNSEEN}]")
_BETWEEN = re.compile(r"(?:\\+[nrt]|[\W_])+")  # spaces, breaks, quotes, marks of Markdown and of diffs …
_SIGN = re.compile(r"\\+[nrt]|.", re.DOTALL)


def _letters(text: str) -> str:
    """Its letters and digits alone, in one case and width."""
    seen = _BETWEEN.sub("", text)
    return (seen if seen.isascii() else _BETWEEN.sub("", unicodedata.normalize("NFKD", seen))).casefold()


@lru_cache(maxsize=1024)
def _halves(form: str) -> tuple[str, ...]:
    """Its beginning and its end, of letters and digits alone; nothing where these could be ordinary words."""
    letters = _letters(form)
    size = max(len(letters) // 2, _SHORTEST_PART)
    if len(letters) < size or letters.isdigit():
        return ()
    halves = (_until_digit(letters, size), _until_digit(letters[::-1], size)[::-1])
    return tuple(half for half in halves if half)


def _until_digit(letters: str, size: int) -> str:
    """So many of them, or more until there is a digit; nothing without one."""
    found = re.search("[0-9]", letters)
    return letters[: max(size, found.end())] if found else ""


def _without(text: str, letters: str) -> str:
    """What stands of them in it is hidden, with all that is between."""
    signs = [(sign.start(), one) for sign in _SIGN.finditer(text) for one in _letters(sign[0])]
    plain, kept = "".join(one for _, one in signs), list[str]()
    spans = sorted(span for half in _halves(letters) for span in _spans(plain, half, letters))
    done = 0
    for first, last in spans:
        start, end = signs[first][0], signs[last - 1][0] + 1
        if start >= done:
            kept += (text[done:start], HIDDEN)
        done = max(done, end)
    return "".join((*kept, text[done:]))


def _spans(plain: str, half: str, letters: str) -> Iterator[tuple[int, int]]:
    """Where the half stands, with what stands of the rest on both sides of it."""
    before, last = letters.index(half), 0
    while (first := plain.find(half, last)) >= 0:
        last = first + len(half)
        last += _common(plain[last : last + len(letters)], letters[before + len(half) :])
        yield first - _common(plain[max(first - before, 0) : first][::-1], letters[:before][::-1]), last


def _common(one: str, other: str) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


@lru_cache(maxsize=64)
def _spelled(form: str) -> re.Pattern[str]:
    """Each letter as it is, as an entity or as bytes of an address, with letters that nobody sees between them."""
    return re.compile(f"[\0{UNSEEN}]*".join(map(_letter, form)))


def _letter(letter: str) -> str:
    names = "|".join(re.escape(name) for name, meant in html5.items() if meant == letter)
    code, address = ord(letter), "".join(f"%{byte:02x}" for byte in letter.encode(errors="replace"))
    return rf"(?:{re.escape(letter)}|(?i:&\#0*{code};?|&\#x0*{code:x};?|{address}){f'|&(?:{names})' if names else ''})"


@lru_cache(maxsize=64)
def _forms_of(values: frozenset[str]) -> tuple[str, ...]:
    """The longest first, so that none is left of which another one is a part."""
    return tuple(sorted({form for value in values for form in _forms(value)}, key=lambda form: (-len(form), form)))


def _forms(value: str) -> Iterator[str]:
    """The value, its lines, and how programs write it: in JSON and Python, in an address, in HTML, in base64 behind
    anything, in hex."""
    yield from (value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], quote(value, safe=""))
    yield from (repr(value)[1:-1], html.escape(value), html.escape(value, quote=False))
    lines = (line.strip() for line in value.replace("\\n", "\n").split("\n"))
    yield from (line for line in lines if len(line) >= _SHORTEST_PART and not line.startswith("-----"))
    yield from (form for form in _encoded(value.encode()) if len(form) >= _SHORTEST_PART)


def _encoded(value: bytes) -> Iterable[str]:
    yield from (value.hex(), value.hex().upper())
    for before in range(3):  # base64 writes three bytes in four letters; those that hold others' bits are left out
        letters = base64.b64encode(b"\0" * before + value).decode()
        whole = letters[(before * 8 + 5) // 6 : (before + len(value)) * 8 // 6]
        yield from (whole, whole.translate(str.maketrans("+/", "-_")))
