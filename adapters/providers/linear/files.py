"""Files in what people write: Linear has no field for them, an uploaded one is an image or a link in the Markdown."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from factory_core.dispatch.replies import has_words

# Linear in the text's length, as that is anybody's: no part looks further than where the next link could begin.
_LINKED = re.compile(r"(!?)\[([^\[\]\n]{0,300})\]\((https?://[^\s()\[\]]{1,2000})(?: [^()\[\]\n]{0,300})?\)")
_UPLOADS = "uploads.linear.app"


class Written(NamedTuple):
    """The text, without its files where there is nothing else in it; and their names."""

    text: str
    files: tuple[str, ...]


def read_files(body: str) -> Written:
    names = tuple(_name(link) for link in _LINKED.finditer(body) if _is_file(link))
    rest = _LINKED.sub(lambda link: " " if _is_file(link) else link[0], body)
    return Written(body if has_words(rest) else rest.strip(), names)


def _is_file(link: re.Match[str]) -> bool:
    return bool(link[1]) or urlsplit(link[3]).hostname == _UPLOADS


def _name(link: re.Match[str]) -> str:
    return link[2].strip() or unquote(urlsplit(link[3]).path.rpartition("/")[2]) or "a file"
