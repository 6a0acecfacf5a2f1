"""The text of a ticket, read once as structure: sections, open boxes, code, places that it names, and what was dropped.

Markdown as people and forms write it. Pure, and linear in the length of the text: every line is read once, and each
pattern is bounded. What nobody sees in the rendered ticket (`hidden`) is kept apart: no rule may build on it, and
whoever reads the ticket must know that it is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from ..text.foreign_text import printable
from ..text.normal_form import normal_form
from ..work_item import Frozen
from .anchors import INLINE_CODE, Anchor, Places
from .vocabulary import ACTUAL, EXPECTED, MUST, PLACEHOLDER, SMALL_WORDS, STEPS, WHEN, fold

Role = Literal["", "expected", "steps", "actual"]

MOST_LINES, MOST_LINE = 3_000, 4_000  # that are read as structure; hidden text is looked for in all of it


class Section(Frozen):
    """What stands under one heading; the first one has none."""

    heading: str = ""
    role: Role = ""
    lines: tuple[str, ...] = ()


class Dropped(Frozen):
    """How much was passed over, by kind."""

    pictures: int = 0
    quotes: int = 0
    placeholders: int = 0
    ticked: int = 0
    empty_headings: int = 0
    rows: int = 0  # of tables, outside of an expectation


class TicketText(Frozen):
    """One ticket's text. `lines` is the prose of all sections in order, without code blocks, pictures and addresses."""

    title: str = ""
    prefix: str = ""  # the words in front of the title: `[SPIKE] …`, `Epic: …`
    language: str = ""  # of LANGUAGES; empty: another one, or too little text to tell
    sections: tuple[Section, ...] = ()
    boxes: tuple[str, ...] = ()  # open ones
    items: tuple[str, ...] = ()  # of lists, the boxes too
    code: tuple[str, ...] = ()  # blocks
    frames: tuple[str, ...] = ()  # of stack traces, in files that may be the project's own
    anchors: tuple[Anchor, ...] = ()
    in_title: int = 0  # so many of the anchors stand in the title
    hosts: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    references: tuple[str, ...] = ()  # to other tickets
    hidden: tuple[str, ...] = ()
    steps: int = 0
    dropped: Dropped = Dropped()

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(line for section in self.sections for line in section.lines)

    @property
    def expected(self) -> tuple[str, ...]:
        """What the sections of expectations and the open boxes hold."""
        inside = (line for section in self.sections if section.role == "expected" for line in section.lines)
        return tuple(dict.fromkeys((*inside, *self.boxes)))

    @property
    def actual(self) -> tuple[str, ...]:
        return tuple(line for section in self.sections if section.role == "actual" for line in section.lines)

    @property
    def weight(self) -> int:
        """Length of the prose below the title, a sign of a script without spaces counted two and a half times."""
        return sum(map(weight, self.lines))


def weight(text: str) -> int:
    dense = len(_DENSE.findall(text))
    return len(text) - dense + dense * 5 // 2


def read_ticket(title: str, description: str) -> TicketText:
    """Read it. Any text is a ticket's; none raises."""
    hidden = list[str]()
    body = _without_hidden(_visible(description, hidden), hidden)
    head = " ".join(_visible(title, hidden).split())[:400]
    prefix, rest = _split_prefix(head)
    reader = _Reader()
    for line in body.split("\n", MOST_LINES)[:MOST_LINES]:
        reader.read(line[:MOST_LINE])
    sections, empty = reader.close()
    shown = tuple(Section(heading=heading, role=role, lines=tuple(lines)) for heading, role, lines in sections if lines)
    found = Places()
    found.look(rest)
    in_title = len(found.anchors)
    for section in shown:
        for line in section.lines:
            found.look(line)
    prose = " ".join(INLINE_CODE.sub(" ", line) for section in shown for line in section.lines)
    dropped = Dropped(
        pictures=reader.pictures, quotes=reader.quotes, placeholders=reader.placeholders, ticked=reader.ticked,
        empty_headings=empty, rows=reader.rows,
    )  # fmt: skip
    return TicketText(
        title=rest, prefix=prefix, language=language_of(f"{rest} {prose[:5_000]}"), sections=shown,
        boxes=tuple(reader.boxes), items=tuple(reader.items), code=tuple(reader.code), frames=tuple(reader.frames[:50]),
        anchors=tuple(found.anchors), in_title=in_title, hosts=tuple(found.hosts), versions=tuple(found.versions),
        links=tuple(reader.links), references=tuple(found.references),
        hidden=(*hidden, *reader.alternatives), steps=_steps(shown), dropped=dropped,
    )  # fmt: skip


_DENSE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af]")
_KANA, _HANGUL, _HAN = (
    re.compile("[\u3040-\u30ff]"),
    re.compile("[\uac00-\ud7af\u1100-\u11ff]"),
    re.compile("[\u3400-\u9fff]"),
)
_CYRILLIC, _LATIN = re.compile("[\u0400-\u04ff]"), re.compile("[A-Za-z\u00c0-\u024f]")
_SMALL = {language: frozenset(words.split("|")) for language, words in SMALL_WORDS.items()}


def language_of(text: str) -> str:
    """By script, then by small words; empty when that is not sure."""
    latin, cyrillic = len(_LATIN.findall(text)), len(_CYRILLIC.findall(text))
    kana, hangul, han = len(_KANA.findall(text)), len(_HANGUL.findall(text)), len(_HAN.findall(text))
    dense = 3 * (kana + hangul + han)
    if dense and dense >= latin // 2:
        return "ko" if hangul > kana + han else "ja" if kana * 8 >= han else "zh"
    if cyrillic and cyrillic >= latin // 2:
        return "ru"
    words = fold(text).split()
    counts = {language: sum(word in small for word in words) for language, small in _SMALL.items()}
    best = max(counts, key=lambda language: counts[language])
    second = max(count for language, count in counts.items() if language != best)
    if dense >= 18 and counts[best] < 4:  # a few sentences among code
        return "ko" if hangul > kana + han else "ja" if kana * 8 >= han else "zh"
    return best if counts[best] > second and counts[best] * 12 >= len(words) else ""


# What nobody sees

_TAGS = re.compile("[\U000e0020-\U000e007e]+")
_UNSEEN_ELEMENT = re.compile(
    r"<(?P<tag>[a-z][a-z0-9]{0,15})\b[^<>]{0,400}?(?:\bhidden\b|display\s{0,3}:\s{0,3}none|visibility\s{0,3}:\s{0,3}hidden"
    r"|font-size\s{0,3}:\s{0,3}0|opacity\s{0,3}:\s{0,3}0(?![.\d])|color\s{0,3}:\s{0,3}(?:white|transparent|#fff))[^<>]{0,400}>"
    r"|<(?P<raw>script|style|template|noscript)\b[^<>]{0,400}>",
    re.IGNORECASE,
)
_LINK_COMMENT = re.compile(
    r"^ {0,3}\[[^\[\]\n]{0,80}\]:[ \t]{0,8}(?:#|<>|about:blank)[ \t]{0,8}(?P<text>[(\"'].{0,2000})$", re.MULTILINE
)


def _visible(text: str, hidden: list[str]) -> str:
    """Without signs that no font draws; letters that are spelled in them are hidden text."""
    hidden += ["".join(chr(ord(sign) - 0xE0000) for sign in spelled) for spelled in _TAGS.findall(text)]
    return normal_form(printable(text))


def _without_hidden(text: str, hidden: list[str]) -> str:
    """Without comments and elements that are not shown. One that is never closed hides the rest."""
    shown, at = list[str](), 0
    while (begin := text.find("<!--", at)) >= 0:
        end = text.find("-->", begin + 4)
        hidden.append(text[begin + 4 : end if end >= 0 else len(text)])
        shown.append(text[at:begin])
        at = end + 3 if end >= 0 else len(text)
    text = "".join((*shown, text[at:]))
    hidden += [found["text"] for found in _LINK_COMMENT.finditer(text)]
    text = _LINK_COMMENT.sub("", text)
    shown, at, folded = [], 0, text.casefold() if len(text.casefold()) == len(text) else text
    while found := _UNSEEN_ELEMENT.search(text, at):
        closing = f"</{(found['tag'] or found['raw']).casefold()}"
        end = folded.find(closing, found.end())
        hidden.append(text[found.end() : end if end >= 0 else len(text)])
        shown.append(text[at : found.start()])
        at = text.find(">", end) + 1 if end >= 0 else len(text)
        if at == 0:
            at = len(text)
    return "".join((*shown, text[at:]))


# Lines

_FENCE = re.compile(r"^ {0,3}(?P<fence>`{3,}|~{3,})")
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]*(?P<text>.{0,300}?)[ \t]*#{0,6}$")
_STRONG_LINE = re.compile(r"^[ \t]{0,3}(?:\*{1,3}|_{1,3})(?P<text>[^*_\n]{1,80})(?:\*{1,3}|_{1,3})[ \t]{0,3}:?$")
_LABELLED = re.compile(
    r"^[ \t>*_-]{0,6}(?:\*{1,2}|_{1,2})?(?P<text>[^:：*_`\n]{1,50})(?:\*{1,2}|_{1,2})?[:：](?:\*{1,2}|_{1,2})?"
    r"[ \t]*(?P<rest>.*)$"
)
_BRACKETED = re.compile(r"^[ \t]{0,3}[【\[](?P<text>[^】\]\n]{1,40})[】\]][ \t]*(?P<rest>.*)$")
_RULE = re.compile(r"^[ \t]{0,3}(?:[-*_=][ \t]*){3,}$")
_ITEM = re.compile(r"^[ \t]{0,12}(?:[-*+•・–]|\(?\d{1,3}[.)、）]|[a-z][.)])[ \t]*(?P<text>.*)$")
_BOX = re.compile(r"^\[(?P<tick>[ xX✓✔])\][ \t]*(?P<text>.*)$")
_ROW = re.compile(r"^[ \t]{0,3}\|.*\|[ \t]*$")
_PICTURE = re.compile(
    r"!\[(?P<alt>[^\[\]\n]{0,300})\]\([^()\n]{0,1000}\)|<img\b[^<>]{0,1000}>|<video\b[^<>]{0,1000}>", re.IGNORECASE
)
_PICTURE_LINK = re.compile(
    r"https?://[^\s<>()\[\]\"']{1,500}\.(?:png|jpe?g|gif|webp|svg|bmp|mp4|mov|webm)\b[^\s<>()\[\]\"']{0,300}",
    re.IGNORECASE,
)
_MARKDOWN_LINK = re.compile(r"\[(?P<label>[^\[\]\n]{0,300})\]\((?P<url>[^()\s]{1,1000})(?:\s\"[^\"\n]{0,200}\")?\)")
_LINK = re.compile(r"<?(?P<url>(?:https?|ftp)://[^\s<>\"'`)\]]{1,1000})>?")
_TAG = re.compile(r"</?[a-zA-Z][^<>\n]{0,300}>")
_TEMPLATE = re.compile(
    r"'\.{2,4}'|\"\.{2,4}\"|\[e\.g\.[^\[\]\n]{0,100}\]|<[^<>\n]{1,60}here>"
    r"|\b(?:xxx|lorem ipsum|tbd|todo)\b[.…]{0,3}$|^[.…\s]*$",
    re.IGNORECASE,
)
_FRAME = re.compile(
    r"File \"(?P<python>[^\"\n]{1,300})\", line \d"
    r"|\((?P<java>[\w$-]{1,100}\.(?:java|kt|scala|groovy)):\d"
    r"|(?<![\w./\\@-])(?P<other>[\w./\\@-]{1,200}\.(?:py|js|jsx|ts|tsx|vue|go|rs|rb|php|cs|cpp|c|swift|ex|dart|erb)):\d"
)
_FOREIGN_FRAME = re.compile(
    r"site-packages|node_modules|dist-packages|/usr/lib|/gems/|vendor/|<anonymous>|^undefined$|^<"
)


def _role(heading: str) -> Role:
    folded = fold(heading)
    if STEPS.found(folded):
        return "steps"
    if ACTUAL.found(folded) and not EXPECTED.found(folded.replace(" result ", " ")):
        return "actual"
    return "expected" if EXPECTED.found(folded) else ""


class _Reader:
    """Line after line."""

    def __init__(self) -> None:
        self.sections: list[tuple[str, Role, list[str]]] = [("", "", [])]
        self.boxes, self.items, self.code, self.frames = list[str](), list[str](), list[str](), list[str]()
        self.links, self.alternatives = list[str](), list[str]()
        self.pictures = self.quotes = self.placeholders = self.ticked = self.rows = 0
        self._fence, self._block = "", list[str]()

    def read(self, line: str) -> None:
        if self._in_code(line):
            return
        if line.lstrip().startswith(">"):
            self.quotes += 1
            return
        line = self._without_links(self._without_pictures(line))
        if _RULE.match(line) or not line.strip():
            return
        if _ROW.match(line) and self.sections[-1][1] != "expected":
            self.rows += 1
            return
        self._note_frames(line)
        heading = _HEADING.match(line) or _STRONG_LINE.match(line)
        if heading:
            self._open(heading["text"])
            return
        labelled = _BRACKETED.match(line) or _LABELLED.match(line)
        if labelled and (role := _role(labelled["text"])) and len(labelled["text"].split()) <= 4:
            self.sections.append((labelled["text"].strip(), role, []))
            line = labelled["rest"]
        self._take(line)

    def close(self) -> tuple[list[tuple[str, Role, list[str]]], int]:
        """The sections, and how many headings had nothing below them."""
        self._end_block()
        empty = sum(
            not lines and not self._has_children(index)
            for index, (heading, _, lines) in enumerate(self.sections)
            if heading
        )
        return [one for one in self.sections if one[2] or one[0]], empty

    def _has_children(self, index: int) -> bool:
        return bool(self.code) and index == len(self.sections) - 1

    def _open(self, text: str) -> None:
        text = text.strip(" *_:：")
        if text:
            self.sections.append((text, _role(text), []))

    def _take(self, line: str) -> None:
        item = _ITEM.match(line)
        text = (item["text"] if item else line).strip()
        box = _BOX.match(text) if item else None
        if box:
            text = box["text"].strip()
            if box["tick"] != " ":
                self.ticked += 1
                return
        if not any(sign.isalnum() for sign in text):
            self.placeholders += bool(item)
            return
        if _TEMPLATE.search(text) or PLACEHOLDER.begins(fold(text)):
            self.placeholders += 1
            return
        if item:
            self.items.append(text)
        if box:
            self.boxes.append(text)
        self.sections[-1][2].append(text)

    def _in_code(self, line: str) -> bool:
        fence = _FENCE.match(line)
        if self._fence:
            if fence and line.strip() == fence["fence"] and line.strip().startswith(self._fence):
                self._end_block()
            else:
                self._block.append(line)
                self._note_frames(line)
            return True
        if fence:
            self._fence = fence["fence"]
        return bool(fence)

    def _end_block(self) -> None:
        if self._fence:
            self.code.append("\n".join(self._block))
        self._fence, self._block = "", []

    def _note_frames(self, line: str) -> None:
        for found in _FRAME.finditer(line):
            file = found["python"] or found["java"] or found["other"]
            if not _FOREIGN_FRAME.search(file):
                self.frames.append(file)

    def _without_pictures(self, line: str) -> str:
        for found in _PICTURE.finditer(line):
            self.pictures += 1
            if found["alt"]:
                self.alternatives.append(found["alt"])
        line = _PICTURE.sub(" ", line)
        self.pictures += len(_PICTURE_LINK.findall(line))
        return _PICTURE_LINK.sub(" ", line)

    def _without_links(self, line: str) -> str:
        self.links += [found["url"] for found in _MARKDOWN_LINK.finditer(line)]
        line = _MARKDOWN_LINK.sub(lambda found: "" if "://" in found["label"] else found["label"], line)
        self.links += [found["url"] for found in _LINK.finditer(line)]
        return _TAG.sub(" ", _LINK.sub(" ", line))


def _steps(sections: tuple[Section, ...]) -> int:
    """Of what has to be done to see it; in one line, its parts count."""
    lines = [line for section in sections if section.role == "steps" for line in section.lines]
    return len(re.split(r"[,;.，、；。>→]\s*(?=\S)", lines[0])) if len(lines) == 1 else len(lines)


# The title

_PREFIXES = re.compile(
    r"^\s{0,4}(?:[\[【(（](?P<bracket>[^\]】)）\n]{1,40})[\]】)）]\s{0,3}[:：]?"
    r"|(?P<word>[^\W\d][\w /-]{1,24}?)\s{0,2}[:：](?=\s|[^\x00-\x7f]))\s{0,4}(?P<rest>.*)$",
    re.DOTALL,
)


def _split_prefix(title: str) -> tuple[str, str]:
    """`[SPIKE] Choose a queue` → `SPIKE`, `Choose a queue`; several stand one after the other."""
    words, rest = list[str](), title.strip()
    for _ in range(3):
        found = _PREFIXES.match(rest)
        if not found:
            break
        words.append((found["bracket"] or found["word"]).strip())
        rest = found["rest"].strip()
    return " ".join(words), rest


_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])\s*|[;；]\s*")


def sentences(lines: tuple[str, ...]) -> Iterator[str]:
    """Of prose; a line ends one."""
    for line in lines:
        yield from (part for part in _END.split(line) if part.strip())


def is_order(sentence: str) -> bool:
    """Does it say what must be?"""
    return bool(MUST.found(fold(sentence)))


def has_condition(sentence: str) -> bool:
    return bool(WHEN.found(fold(sentence)))
