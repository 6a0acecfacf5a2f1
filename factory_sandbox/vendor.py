"""What the sandbox plays of a vendor: each vendor's vendor.py here exports one."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .signing import Attempt, Headers


class PlayedVendor(NamedTuple):
    """How it signs, and what a factory that works with the sandbox is configured with.

    `variables` are those of its token and of its webhooks' secret; `section` is YAML, and `{0}` in it the sandbox's
    address.
    """

    sign: Callable[[str, Attempt], Headers]
    variables: tuple[str, str]
    section: str
    sends: bool = True  # its webhooks are sent where nobody says which to send
