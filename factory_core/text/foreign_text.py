"""Text that others wrote (a ticket, an answer, an agent's words), made safe for the place where it is used.

Trackers and code hosts act on plain words: a key in a branch name or a title moves that ticket, `fixes #1` closes one,
`[skip ci]` keeps the tests from running, `@team` notifies people, `/merge` instructs a bot. A name that is defused
stays readable: `ACME-9` becomes `ACME 9`, `#1` becomes `# 1`, `[skip ci]` becomes `(skip ci)`.

`own` is the item's own key, which stays what it is; no word in front of it links or unlinks it, for that is the
caller's to say. Each rule takes a time that grows with the text and no faster.
"""

from __future__ import annotations

import html
import re
from functools import partial

# What acts where:
#
#     place     names of tickets   linking words   skipped checks   mentions   trailers   orders, hidden marks   markup
#     branch    •                                                    •
#     title     •                                  •                •
#     commit    •                                  •                •          •
#     body      •                  •               •                •          •          •                      •
#     comment   •                  •               •                •          •          •                      •
#     code      •                  •               •                •          •          •
#     chat                                                          •
#
# Markup is what shows something else than it is: a link with another text, an image, a tag with attributes. A merge
# queue takes title and body for the commit, so they hold nothing that acts in one.

MOST_TITLE, MOST_COMMIT, MOST_BODY, MOST_COMMENT, MOST_CHAT = 200, 10_000, 8_000, 4_000, 4_000  # characters

# Formatting that nobody sees: soft hyphens, zero width, reading direction, tags, non-characters. Joiners are letters.
UNSEEN = (
    "\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f"
)
_UNSEEN = re.compile(f"[{UNSEEN}]")
_BREAK = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_HALF = re.compile("[\ud800-\udfff]")

# Team keys are of letters, digits and underscores, in any case, and may begin with a digit; an underscore ends a word.
# A number alone (`2026-11`) is no team. https://linear.app/docs/github · GitHub's forms of #1:
# https://docs.github.com/en/get-started/writing-on-github/working-with-advanced-formatting/autolinked-references-and-urls
_TEAM = re.compile(r"(?<![A-Za-z0-9_])(?P<team>[A-Za-z0-9_]++)-(?=[0-9])")
_NAME = re.compile(
    r"(?P<address>(?i:https?://|www\.)[A-Za-z0-9-]++(?:\.[A-Za-z0-9-]++)++(?::[0-9]++)?"
    r"(?:[/?](?:[^\s<>\"'`)\]@#]|\#(?=[A-Za-z]))*+)?)"
    rf"|{_TEAM.pattern}"
    r"|(?P<sign>\#(?=[0-9])|(?<![A-Za-z0-9])@(?=[A-Za-z0-9_]))"
)
_SCHEME = re.compile(r"https?://(?:www\.)?|^www\.", re.IGNORECASE)
_ACTING_PATH = re.compile(r"/(?:issues?|pulls?|merge_requests|work_items|discussions|browse|profiles)/", re.IGNORECASE)

# The words with which a description links a ticket, or unlinks it, and the first thing of a ticket's name behind them.
# https://docs.github.com/en/issues/tracking-your-work-with-issues/linking-a-pull-request-to-an-issue
_WORDS = (
    r"(?<![A-Za-z0-9_])(?:clos(?:e[sd]?|ing)|fix(?:e[sd]|ing)?|resolv(?:e[sd]?|ing)|complet(?:e[sd]?|ing)"
    r"|implement(?:s|ed|ing)?|ref(?:s|erences?)?|part\s{1,5}of|relate[sd]\s{1,5}to|contributes?\s{1,5}to|towards?"
    r"|linear\s{1,5}issues?|skip|ignore)(?=[\s:*_~`\\\[(<\"']{1,20}+"
)
_LINKING = re.compile(
    _WORDS + r"(?:[A-Za-z0-9_]{1,40}-[0-9]|(?:[\w.-]{1,100}/)?[\w.-]{0,100}\#[0-9]|https?://|www\.))",
    re.IGNORECASE | re.ASCII,
)
_LINKING_OWN = re.compile(_WORDS + r"\Z)", re.IGNORECASE | re.ASCII)  # at the end of what stands before our own key

# https://docs.github.com/en/actions/managing-workflow-runs/skipping-workflow-runs; every other CI has words of its own
# in such brackets: [ci skip], [skip azp], [skip travis], [netlify skip], [CF-Pages-Skip] …
_BRACKETS = re.compile(r"\[([^\[\]\n]{0,60})\]")
_SKIPS = re.compile(r"skip|(?<![a-z])(?:no|ci|noci)(?![a-z])", re.IGNORECASE)
_STARRED = re.compile(r"\*{3}\s{0,3}(no[_ -]?ci)\s{0,3}\*{3}", re.IGNORECASE)
_OPTION = re.compile(r"--(?=skip-ci|ci-skip)", re.IGNORECASE)
_SKIP_CHECKS = re.compile(r"(skip-checks)\s{0,5}:", re.IGNORECASE)

# https://git-scm.com/docs/git-interpret-trailers: `Signed-off-by: …`, and what release tools read the same way
_TRAILER = re.compile(
    r"^([A-Za-z][A-Za-z0-9]{0,30}-[A-Za-z][A-Za-z0-9-]{0,60}|BREAKING CHANGE|Cc)[ \t]{0,4}:(?!:)", re.M | re.I
)
_ORDER = re.compile(r"^[ \t>]{0,8}+(?=[/!][A-Za-z])", re.MULTILINE)
# A link shows its own address: https://spec.commonmark.org/0.31.2/#links (inline, and definitions), #raw-html. Code
# hosts show some tags: https://github.com/github/markup#github-markup. Without attributes they link, load, turn and
# hide nothing, but for the two that fold text away.
_MASKED = re.compile(r"\](?=\()")
_DEFINED = re.compile(r"^([ \t>*+.)\d-]{0,20}\[(?:\\.|[^\[\]\\]){1,999}\]):", re.MULTILINE | re.DOTALL)
_TAG = re.compile(r"<(?=[!?]|/?(?:details|summary)\b|[A-Za-z][A-Za-z0-9-]{0,30}[\s/][^<>=]{0,200}=)", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:\#[0-9]{1,7}|\#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")

# https://docs.slack.dev/messaging/formatting-message-text; a profile's address is a mention in Linear
_CALL = re.compile(
    r"(?P<open><(?=[!@#]))|(?P<at>(?<![A-Za-z0-9])@(?=[A-Za-z0-9_]))|(?i:https?://(?=[^\s/]{1,80}/[^\s/]{1,80}/profiles/))"
)


def printable(text: str) -> str:
    """Without what is not text: controls become spaces, breaks of all kinds newlines, halves of a character `�`."""
    return _HALF.sub("\ufffd", _CONTROL.sub(" ", _BREAK.sub("\n", _UNSEEN.sub("", text))))


def for_branch(text: str) -> str:
    """A slug of letters, digits and hyphens, at most 40; no hyphen stands before a digit, for that would be a key."""
    slug = re.sub(r"[^a-z0-9]+", "-", text[:1_000].lower())
    return re.sub(r"-(?=[0-9])", "", slug).strip("-")[:40].strip("-")


def for_title(text: str, own: str = "", most: int = MOST_TITLE) -> str:
    """One line for the title of a pull request, which a squash takes for its commit."""
    line = " ".join(printable(text[: 2 * MOST_TITLE]).split())
    return _cut(_runs_checks(_names_no_other(line, own)), most)


def for_commit(text: str, own: str = "", most: int = MOST_COMMIT) -> str:
    """The message of a commit."""
    message = _claims_nothing(printable(text[: 2 * most]).strip("\n"))
    return _cut(_runs_checks(_names_no_other(message, own)), most)


def for_body(text: str, own: str = "", most: int = MOST_BODY) -> str:
    """Markdown for the body of a pull request: links, notifies, orders and hides nothing."""
    return _cut(harmless(text[: 2 * most], own), most)


def for_comment(text: str, own: str = "", most: int = MOST_COMMENT) -> str:
    """Markdown for a comment on a ticket, which its tracker may copy to other vendors."""
    return for_body(text, own, most)


def for_code(text: str, own: str = "", most: int = MOST_COMMENT) -> str:
    """The inside of a block of code in Markdown, which nothing in it ends; what it shows stays as it is."""
    return _cut(_inert(text[: 2 * most], own).replace("```", "~~~"), most)


def for_chat(text: str, most: int = MOST_CHAT) -> str:
    """Text for people to read and answer: it notifies nobody; keys and links stay what they are."""
    return _cut(_CALL.sub(_uncalled, printable(text[: 2 * most])), most)


def for_instruction(text: str, most: int = MOST_COMMENT) -> str:
    """What a person can do, in Markdown: a command stays what it is, with the keys in it."""
    return _cut(_plain(_CALL.sub(_uncalled, printable(text[: 2 * most]))), most)


def harmless(text: str, own: str = "") -> str:
    """As for_body, whatever its length."""
    return _plain(_inert(text, own))


def _plain(text: str) -> str:
    """Markdown whose links show where they lead, and that loads and hides nothing."""
    return _MASKED.sub("] ", _TAG.sub("&lt;", _DEFINED.sub(r"\1\\:", text)))


def _inert(text: str, own: str) -> str:
    shown = _ENTITY.sub(_spelled_out, printable(text)).replace("<!--", "&lt;!--")
    lines = _ORDER.sub(lambda match: f"{match[0]}\\", _claims_nothing(shown))
    return _runs_checks(_names_no_other(lines, own, prose=True))


def _names_no_other(text: str, own: str, *, prose: bool = False) -> str:
    """No ticket but our own, and no person. In prose, addresses of other things stay as they are."""
    named = not own.isdigit() and re.escape(own)  # a bare number is anybody's
    inside = r"[\w/.-]" if "/" in own else r"\w"
    parts = re.split(rf"(?<!{inside}){named}(?!\w)", text) if named else [text]
    parts = [*(_LINKING_OWN.sub("about", part) for part in parts[:-1]), parts[-1]]
    if prose:
        return own.join(_NAME.sub(_unnamed_in_prose, _LINKING.sub("about", part)) for part in parts)
    return own.join(_NAME.sub(_unnamed, part) for part in parts)


def _unnamed(match: re.Match[str], *, prose: bool = False) -> str:
    """Addresses of tickets lose their scheme, without which they are no links."""
    if match["team"]:
        return _spaced(match)
    if match["sign"]:
        return "#\u00a0" if prose and match["sign"] == "#" else f"{match['sign']} "  # `# ` would begin a heading
    address = match["address"]
    acts = _ACTING_PATH.search(address)
    if prose and not acts:
        return address
    return _TEAM.sub(_spaced, _SCHEME.sub("", address) if acts else address)


_unnamed_in_prose = partial(_unnamed, prose=True)


def _spaced(match: re.Match[str]) -> str:
    team = match["team"]
    return match[0] if team.isdigit() else f"{team} "


def _runs_checks(text: str) -> str:
    text = _BRACKETS.sub(lambda match: f"({match[1]})" if _SKIPS.search(match[1]) else match[0], text)
    return _SKIP_CHECKS.sub(r"\1 –", _OPTION.sub("", _STARRED.sub(r"\1", text)))


def _claims_nothing(text: str) -> str:
    """No line of it is a trailer."""
    return _TRAILER.sub(r"\1 –", text)


def _spelled_out(match: re.Match[str]) -> str:
    """The plain character of an entity, so that the other rules see it; what would be markup stays an entity."""
    character = html.unescape(match[0])
    plain = len(character) == 1 and character.isascii() and character.isprintable() and character not in "<>&\"'"
    return character if plain else match[0]


def _uncalled(match: re.Match[str]) -> str:
    return "< " if match["open"] else "@ " if match["at"] else ""


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
