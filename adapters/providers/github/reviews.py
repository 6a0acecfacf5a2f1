"""Reviews and comments of a pull request, and who wrote them. Pure; who may write is asked elsewhere (permissions.py).

docs.github.com/rest/pulls/reviews, docs.github.com/rest/pulls/comments, docs.github.com/rest/issues/comments
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from factory_core.dispatch.pull_request import Comment, Review, Standing
from factory_core.payload import number, text

LONGEST = 3_500  # characters of one comment
MOST = 100  # newest comments, and newest reviews that only comment
OWN = "<!-- factory"  # what carries it was written by the factory
GHOST = "ghost"  # GitHub's name for a deleted account


class People:
    """What may each of them do here? `author` opened the pull request, which takes no permission to write; `may` knows
    logins in lower case."""

    def __init__(self, author: str, may: Mapping[str, Standing]) -> None:
        self._author, self._may = author.casefold(), may

    def of(self, row: object) -> Standing:
        if is_app(row):
            return "app"
        may = self._may.get(login_of(row).casefold(), "unknown")
        return "author" if may == "writer" and self.is_author(row) else may

    def is_author(self, row: object) -> bool:
        return login_of(row).casefold() == self._author


def is_app(row: object) -> bool:
    return text(row, "user", "type") == "Bot" or login_of(row).endswith("[bot]")


def login_of(row: object) -> str:
    return text(row, "user", "login") or GHOST


def to_be_asked_about(reviews: list[Any] | None, comments: list[Any]) -> dict[str, str]:
    """The people whose word matters, those with a verdict first, with the label that GitHub puts beside their names."""
    verdicts = [row for row in reviews or () if text(row, "state").upper() in {"APPROVED", "CHANGES_REQUESTED"}]
    talk = [row for row in (*(reviews or ()), *comments) if text(row, "state").upper() in {"COMMENTED", ""}]
    people = [row for row in (*reversed(verdicts), *reversed(talk)) if not is_app(row) and not _is_own(row)]
    return {login_of(row): text(row, "author_association") for row in people if login_of(row) != GHOST}


def reviews_of(listed: list[Any] | None, inline: list[Any], people: People) -> tuple[Review, ...] | None:
    """Newest last, each with its comments at lines; None when one of them cannot be read."""
    if listed is None:
        return None
    drafts = "PENDING"  # only their author sees them
    shown = [row for row in listed if text(row, "state").upper() != drafts]
    shown = [row for row in shown if not (is_app(row) and people.is_author(row)) and not _is_own(row)]
    found = [_review_of(row, inline, people) for row in sorted(shown, key=lambda row: text(row, "submitted_at"))]
    known = [review for review in found if review is not None]
    if len(known) < len(found):
        return None
    talk = [review for review in known if review.state == "commented"]
    return tuple(review for review in known if review.state != "commented" or review in talk[-MOST:])


def comments_of(listed: list[Any], inline: list[Any], people: People) -> tuple[Comment, ...]:
    """Of people, oldest first: ordinary comments, and comments at lines that belong to no review. Apps' are not here,
    nor what the factory wrote itself."""
    loose = [row for row in inline if number(row, "pull_request_review_id") is None]
    said = [_comment_of(row, people) for row in (*loose, *listed) if not is_app(row) and not _is_own(row)]
    return tuple(comment for comment in said if comment.body.strip())[-MOST:]


def _review_of(row: object, inline: list[Any], people: People) -> Review | None:
    id, app = number(row, "id"), is_app(row)
    own = [comment for comment in inline if number(comment, "pull_request_review_id") == id]
    fields = {
        "id": str(id or ""),
        "author": login_of(row).removesuffix("[bot]") if app else login_of(row),
        "state": text(row, "state").lower(),
        "body": _cut(text(row, "body")),
        "commit": text(row, "commit_id"),
        "standing": people.of(row),
        "comments": tuple(_comment_of(comment, people) for comment in own),
    }
    try:
        return Review.model_validate(fields) if fields["id"] else None
    except ValidationError:
        return None  # a state that we do not know


def _comment_of(row: object, people: People) -> Comment:
    """Where the line has changed since, GitHub names only the one that it was."""
    path, line, first = text(row, "path"), number(row, "line"), number(row, "original_line")
    return Comment(
        id=f"{'line-' if path else ''}{number(row, 'id') or ''}",
        author=login_of(row),
        body=_cut(text(row, "body")),
        standing=people.of(row),
        path=path,
        line=line or first,
        outdated=bool(path) and line is None and number(row, "position") is None and _had_a_place(row),
    )


def _had_a_place(row: object) -> bool:
    return number(row, "original_line") is not None or number(row, "original_position") is not None


def _is_own(row: object) -> bool:
    """Did the factory write it? It gives no verdicts, so whoever quotes it in one wrote that."""
    return OWN in text(row, "body") and text(row, "state").upper() in {"", "COMMENTED"}


def _cut(body: str) -> str:
    return body if len(body) <= LONGEST else f"{body[:LONGEST]} […]"
