"""The status of a tenant, from its records: as data (status.json) and as words (`factory status`). No I/O, no clock."""

from .item import item_report
from .report import report
from .schema import Item, ItemReport, Line, StatusReport
from .text import item_words, rows, words

__all__ = ["Item", "ItemReport", "Line", "StatusReport", "item_report", "item_words", "report", "rows", "words"]
