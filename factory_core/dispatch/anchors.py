"""What prose names that a developer can look for: files, symbols, endpoints, status codes, words in quotes."""

from __future__ import annotations

import re
from typing import Literal

from ..work_item import Frozen

AnchorKind = Literal["code", "path", "symbol", "status", "endpoint", "quote", "flag", "value"]

MOST_ANCHORS = 500


class Anchor(Frozen):
    """One of them."""

    kind: AnchorKind
    text: str


class Places:
    """All that the lines which were looked at name, each once."""

    def __init__(self) -> None:
        self._anchors: dict[tuple[AnchorKind, str], Anchor] = {}
        self.hosts, self.versions, self.references = list[str](), list[str](), list[str]()

    @property
    def anchors(self) -> tuple[Anchor, ...]:
        return tuple(self._anchors.values())

    def look(self, line: str) -> None:
        self.references += references_in(line)
        for found in INLINE_CODE.finditer(line):
            if any(sign.isalnum() for sign in found["text"]) and not _REFERENCE.fullmatch(found["text"]):
                self._add("code", found["text"])
        line = INLINE_CODE.sub(" ", line)
        self.hosts += _HOST.findall(line)
        self.versions += _VERSION.findall(line)
        for found in _QUOTED.finditer(line):
            words = next(filter(None, found.groups()))
            if any(sign.isalpha() for sign in words):
                self._add("quote", words.strip())
        line = _HOST.sub(" ", _REFERENCE.sub(" ", line))
        for kind, pattern in _KINDS:
            for found in pattern.finditer(line):
                if not _PRODUCTS.fullmatch(found[0]):
                    self._add(kind, found[0])
        for found in _STATUS.finditer(line):
            near = line[max(0, found.start() - 24) : found.end() + 16]
            code = found["code"]
            if _SURE_STATUS.fullmatch(code) or (_OTHER_STATUS.fullmatch(code) and _STATUS_WORD.search(near)):
                self._add("status", code)

    def _add(self, kind: AnchorKind, text: str) -> None:
        if len(self._anchors) < MOST_ANCHORS:
            self._anchors.setdefault((kind, text), Anchor(kind=kind, text=text))


def places_in(text: str) -> tuple[Anchor, ...]:
    """What one sentence names."""
    found = Places()
    found.look(text)
    return found.anchors


def references_in(text: str) -> list[str]:
    """Names of tickets, `#12` or `ACME-12`; a norm such as `UTF-8` is none."""
    return [found[0] for found in _REFERENCE.finditer(text)]


INLINE_CODE = re.compile(r"`{1,2}(?P<text>[^`\n]{1,200})`{1,2}")
_QUOTED = re.compile(
    r"\"([^\"\n]{1,80})\"|“([^“”\n]{1,80})[”“]|„([^„“”\"\n]{1,80})[“”\"]|«\s?([^«»\n]{1,80}?)\s?»|»([^«»\n]{1,80})«"
    r"|「([^「」\n]{1,80})」|『([^『』\n]{1,80})』|《([^《》\n]{1,80})》|‘([^‘’\n]{1,80})’|‹([^‹›\n]{1,80})›"
    r"|(?<![\w'])'([^'\n]{2,60})'(?![\w'])"
)
_EXTENSIONS = (
    "py|js|mjs|cjs|jsx|ts|tsx|vue|svelte|go|rs|java|kt|kts|scala|rb|erb|php|cs|fs|cpp|cc|c|h|hpp|swift|m|ex|exs|erl|hs"
    "|lua|pl|r|dart|html?|css|scss|sass|less|md|rst|adoc|txt|json|jsonl|ya?ml|toml|ini|cfg|conf|env|xml|xsd|sql|sh|bash"
    "|ps1|bat|csv|tsv|lock|proto|graphql|tf|gradle|properties|ipynb|tex|svg|pdf|xlsx"
)
_FILE = re.compile(
    rf"(?<![\w@./~-])(?:[\w.@~-]{{0,80}}/){{0,12}}[\w.@-]{{1,100}}\.(?:{_EXTENSIONS})(?![A-Za-z0-9_])(?::\d{{1,6}})?",
    re.IGNORECASE | re.ASCII,
)
_KNOWN_FILE = re.compile(
    r"(?<!\w)(?:README|CHANGELOG|LICENSE|CONTRIBUTING|Dockerfile|Makefile|Jenkinsfile|Procfile|CODEOWNERS|\.gitignore"
    r"|\.env)(?!\w)"
)
_ENDPOINT = re.compile(
    r"(?<!\w)(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)\s{1,2}/[\w/{}:.-]{0,150}"
    r"|(?<![\w./:<])/[A-Za-z][\w{}:-]{2,80}(?:/[\w{}:.-]{1,80}){0,8}",
    re.ASCII,
)
_DEEP_PATH = re.compile(r"(?<![\w/.:@-])[A-Za-z][\w.@-]{0,60}(?:/[\w.@-]{1,60}){2,10}", re.ASCII)
_SYMBOL = re.compile(
    r"(?<![\w.])[A-Za-z_][\w.]{1,80}\(\)"
    r"|(?<!\w)[A-Z][a-z0-9]{1,40}(?:[A-Z][a-z0-9]{0,40}){1,8}(?!\w)"
    r"|(?<!\w)[a-z]{2,30}(?:[A-Z][a-z0-9]{1,40}){1,6}(?!\w)"
    r"|(?<!\w)[A-Za-z][A-Za-z0-9]{0,40}_\w{1,60}(?!\w)"
    r"|(?<!\w)[A-Z]\w{0,60}(?:Error|Exception)(?!\w)",
    re.ASCII,
)
_PRODUCTS = re.compile(
    r"github|gitlab|javascript|typescript|youtube|paypal|linkedin|facebook|whatsapp|iphone|ipad|macos|openai|chatgpt"
    r"|wordpress|postgresql|mysql|mongodb|graphql|firefox|bitbucket|stackoverflow|dynamodb|sqlite|devops|powerpoint"
    r"|onedrive|openstreetmap|openapi|oauth|(?:node|vue|next|react|three|express|d3)\.js",
    re.IGNORECASE,
)
_FLAG = re.compile(r"(?<![\w-])--[a-z][\w-]{1,40}")
_VALUE = re.compile(r"(?<![\w.])\w{1,40}=[\w.-]{1,40}", re.ASCII)
_STATUS = re.compile(r"(?<![\d.,:/-])(?P<code>[1-5]\d\d)(?![\d%]|[.,:/-]\d)", re.ASCII)
_SURE_STATUS = re.compile(r"40[13-6]|409|41[0235-8]|42[2-689]|431|451|50[1-47]")
_OTHER_STATUS = re.compile(r"20[0-246]|30[1-478]|400|500")  # a number of things as well
_STATUS_WORD = re.compile(
    r"status|http|code|error|erro|fehler|erreur|returns?|answers?|repl|gives|devuelve|devolve|renvoie|liefert|gibt"
    r"|antwort|zwraca|restituisce|geeft|retour|ошибк|возвраща|返回|错误|状态|报|エラー|返|오류|반환",
    re.IGNORECASE,
)
_HOST = re.compile(
    r"(?<![\w@.-])(?:[a-z0-9-]{1,60}\.){1,4}"
    r"(?:com|org|net|io|dev|app|de|fr|es|it|nl|pl|br|jp|cn|eu|uk|ai|info|test)(?![\w.-])",
    re.ASCII | re.IGNORECASE,
)
_VERSION = re.compile(r"(?<![\w.])v?\d{1,4}(?:\.\d{1,6}){1,3}(?![\w.])|(?<!\w)v\d{1,3}(?!\w)", re.ASCII | re.IGNORECASE)
_REFERENCE = re.compile(
    r"(?<![\w/#&.-])(?:[\w.-]{1,60}/[\w.-]{1,60})?#\d{1,9}(?!\w)"
    r"|(?<![\w-])(?!(?:UTF|ISO|SHA|RFC|AES|MD|CVE|PEP|ES|HTTP|TLS|H|WCAG|GPT|COVID|PR|Q)-)[A-Z][A-Z0-9]{1,9}-\d{1,7}(?![\w-])",
    re.ASCII,
)
_KINDS: tuple[tuple[AnchorKind, re.Pattern[str]], ...] = (
    ("path", _FILE),
    ("path", _KNOWN_FILE),
    ("path", _DEEP_PATH),
    ("endpoint", _ENDPOINT),
    ("symbol", _SYMBOL),
    ("flag", _FLAG),
    ("value", _VALUE),
)
