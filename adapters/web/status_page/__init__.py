"""The status page: read-only HTML drawn from a report, under a policy that lets nothing else run. No I/O, no clock."""

from .item_page import item_page
from .layout import Page
from .page import page
from .stale import stale_page

__all__ = ["Page", "item_page", "page", "stale_page"]
