"""Files that a test compares with; `FACTORY_GOLDEN=write` writes them anew, to be read before they are committed."""

from __future__ import annotations

import os
from pathlib import Path

_FILES = Path(__file__).parent / "golden"


def matches(name: str, text: str) -> bool:
    file = _FILES / name
    if os.environ.get("FACTORY_GOLDEN") == "write":
        file.write_text(text, encoding="utf-8")
    return file.read_text(encoding="utf-8") == text
