"""How the status spells things: durations, clock times, money, links, and text that others wrote.

All times are UTC. What others wrote is stripped of control and bidi characters here, for the terminal as for the page.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from ..config import FactoryConfig
from ..settings import VendorSettings
from ..text.foreign_text import UNSEEN

# Controls except newline and tab, line separators, surrogates, and what nobody sees.
_UNWANTED = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff{UNSEEN}]")
MOST_TITLE, MOST_LINE = 140, 500


def clean(text: str) -> str:
    """Without what could steer a terminal, turn the reading direction, or not be encoded."""
    return _UNWANTED.sub("", text)


def in_full(text: str) -> str:
    """Text over several lines."""
    return clean(text).replace("\t", " ").strip()


def one_line(text: str, most: int = MOST_LINE) -> str:
    """The same in one line of at most `most` characters."""
    line = " ".join(in_full(text).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


InFull = Annotated[str, AfterValidator(in_full)]
Line = Annotated[str, AfterValidator(one_line)]
Title = Annotated[str, AfterValidator(lambda text: one_line(text, MOST_TITLE))]


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    line = one_line(text)
    return line[:1].upper() + line[1:] + ("" if line.endswith((".", "?", "…", "”")) else ".") if line else ""


def duration(seconds: float) -> str:
    """`41 s`, `38 min`, `1 h 06`, `3 d 4 h`."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if hours < 1:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60:02}" if days < 2 else f"{days} d {hours % 24} h"


def seconds_since(then: datetime | None, now: datetime) -> int | None:
    """Whole seconds; None where the moment is not known."""
    return None if then is None else max(0, int((now - then).total_seconds()))


def ago(then: datetime, now: datetime) -> str:
    return f"{duration((now - then).total_seconds())} ago"


def clock(moment: datetime, now: datetime) -> str:
    """`03:12`; with the weekday when it is another day, with the date when it is another week."""
    at, today = moment.astimezone(UTC), now.astimezone(UTC)
    if at.date() == today.date():
        return f"{at:%H:%M}"
    return f"{at:%a %H:%M}" if abs((at.date() - today.date()).days) < 7 else f"{at.day} {at:%b %H:%M}"


def at(moment: datetime, now: datetime) -> str:
    """The same in a sentence: `at 03:12`, `on Thu at 23:58`."""
    day, _, time = clock(moment, now).rpartition(" ")
    return f"on {day} at {time}" if day else f"at {time}"


def iso(moment: datetime) -> str:
    """RFC 3339, as in the JSON."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def cents(amount: Decimal | float) -> Decimal:
    return Decimal(str(amount)).quantize(Decimal("0.01"))


def money(amount: Decimal) -> str:
    """`$4.70`, and `$10` when it is whole."""
    return f"${amount.normalize():f}" if amount == int(amount) and amount else f"${amount:.2f}"


def cost(amount: Decimal, known: bool) -> str:
    """`$4.70`, `at least $4.70` where an engine told no price for a part of it, `not measured` where none is known."""
    if not known and not amount:
        return "not measured"
    return money(amount) if known else f"at least {money(amount)}"


def count(number: int, thing: str) -> str:
    """`1 item`, `2 items`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def command(*words: str) -> str:
    """`factory …` with a public argument quoted for a shell."""
    return shlex.join(("factory", *words))


def retry(key: str) -> str:
    return command("pipeline", "retry", key, "--reason") + ' "…"'


def arguments(fix: str) -> tuple[str, ...]:
    """A command as an argument list; a sentence (`In the shell: …`) has none."""
    if not fix.startswith("factory "):
        return ()
    try:
        return tuple(shlex.split(fix))
    except ValueError:
        return tuple(fix.split())


def link(url: str, config: FactoryConfig) -> str | None:
    """The address, if it leads over https (http on this machine) to a vendor that the configuration uses."""
    if not url or re.search(r"[\x00-\x20\x7f\\]", url):
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return None
    safe = parts.scheme == "https" or (parts.scheme == "http" and _loopback(host))
    return url if safe and "@" not in parts.netloc and _known(host, _hosts(config)) else None


def _hosts(config: FactoryConfig) -> set[str]:
    used = [config.section(name, VendorSettings) for name in config.providers()]
    return {urlsplit(url).hostname or "" for vendor in used for url in vendor.addresses()} | {one.site for one in used}


def _known(host: str, hosts: Iterable[str]) -> bool:
    return any(host == known or host.endswith(f".{known}") for known in hosts if known)


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
