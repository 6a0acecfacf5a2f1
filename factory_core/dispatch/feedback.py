"""What is written on a pull request, as words for the agent: each piece under a mark, so that it is told once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .pull_request import Comment, PullRequest, Review, Standing
from .replies import has_words

PIECE = 3_900  # characters; what one person wrote may take several pieces
MOST_PIECES = 5
COMMAND = "/factory "
"""An explicit order: a comment that begins so. Its words are told like any other comment's."""

Feedback = tuple[tuple[str, str], ...]
"""(mark, words): the mark is remembered in the record."""


class Said(NamedTuple):
    """What one person wrote at once, outside a verdict."""

    author: str
    standing: Standing
    words: Feedback
    quote: str  # for the item's history
    has_words: bool  # or only pictures, links and the like


def said_on(pull_request: PullRequest) -> Iterator[Said]:
    """Every comment of a person: ordinary ones, and reviews that only comment. An approval's words hold nothing up."""
    for review in pull_request.reviews or ():
        if review.state == "commented" and review.standing != "app" and (review.body or review.comments):
            opening = f"{review.author} wrote in a review:"
            words = tuple(_pieces(f"review:{review.id}", opening, review.body, review.comments))
            quote = "\n".join([*([review.body] if review.body else []), *map(_line, review.comments)])
            spoken = any(has_words(body) for body in (review.body, *(comment.body for comment in review.comments)))
            yield Said(review.author, review.standing, words, quote, spoken)
    for comment in pull_request.comments or ():
        body = comment.body.removeprefix(COMMAND)
        words = tuple(_pieces(f"comment:{comment.id}", f"{comment.author} wrote:", body, ()))
        yield Said(comment.author, comment.standing, words, comment.body, has_words(body))


def passed_over(pull_request: PullRequest) -> Iterator[tuple[str, Standing]]:
    """People whose words do not count, or are not known to, with each thing that they said."""
    stands = (review for review in pull_request.reviews or () if review.state != "dismissed")
    spoken: tuple[Review | Comment, ...] = (*stands, *(pull_request.comments or ()))
    for one in spoken:
        if one.standing in {"outsider", "unknown"}:
            yield one.author, one.standing


def of_review(review: Review) -> Feedback:
    """A review that asks for changes: its summary, and what stands at the lines."""
    who = f"The review app {review.author}" if review.standing == "app" else review.author
    body = review.body or ("" if review.comments else "see the review")
    return tuple(_pieces(f"review:{review.id}", f"{who} asked for changes:", body, review.comments))


def _pieces(mark: str, opening: str, body: str, comments: tuple[Comment, ...]) -> Iterator[tuple[str, str]]:
    """As few as it takes. The first is under the mark itself."""
    pieces = [f"{opening} {body}"[:PIECE] if body else opening]
    for comment in comments:
        line = _line(comment)
        if len(pieces[-1]) + len(line) >= PIECE:
            pieces.append(f"{opening[:-1]} (continued):")
        pieces[-1] = f"{pieces[-1]}\n{line}"[:PIECE]
    if len(pieces) > MOST_PIECES:
        pieces[MOST_PIECES - 1] += "\n… and more, which stands in the pull request."
    for number, words in enumerate(pieces[:MOST_PIECES], 1):
        yield (mark if number == 1 else f"{mark}:{number}"), words


def _line(comment: Comment) -> str:
    return f"- {comment.place}: {comment.body}" if comment.place else f"- {comment.body}"
