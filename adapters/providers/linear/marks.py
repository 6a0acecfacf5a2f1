"""How our own writes are recognised: ids that follow from the effect's key, and the hidden mark in every text."""

from __future__ import annotations

import hashlib
import uuid

from factory_core.dispatch.comments import MARK
from factory_core.text.foreign_text import printable

OURS = "<!-- factory"  # begins every hidden mark of the factory
SESSION = "linear-session:"  # begins the id of a thread that is an agent session


def own_id(key: str) -> str:
    """The key as an id of the form that Linear takes from its callers, UUID v4: the same key, the same id."""
    return str(uuid.UUID(bytes=hashlib.sha256(key.encode()).digest()[:16], version=4))


def marked(body: str) -> str:
    """The text with the mark, once, so that it never counts as a person's."""
    text = printable(body)
    return text if MARK in text else f"{text}\n\n{MARK}"
