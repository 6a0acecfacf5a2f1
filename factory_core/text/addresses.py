"""What an address may hold, and where a credential may be sent. https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1"""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

_WITHOUT_SCHEME = re.compile(r"[^/@:]*:[^/@]*@")  # user:password@host:path


def credential_in(url: str) -> str:
    """What of a clone address is, or may be, a credential; empty when nothing is. An SSH user (`git@`) is none.

    Over HTTP the user is one already: that is how tokens are usually put into an address.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""  # no address at all: git says so
    authority = unquote(unquote(parts.netloc))
    if "@" in authority and parts.scheme not in ("ssh", "git+ssh", "ssh+git"):
        return "a user" if ":" not in authority.rpartition("@")[0] else "a password"
    if ":" in authority.rpartition("@")[0] or _WITHOUT_SCHEME.match(unquote(url)):
        return "a password"
    return "a query" if parts.scheme in ("http", "https") and (parts.query or parts.fragment) else ""


def is_private(url: str) -> bool:
    """May a credential go there? Over https, or over http to this machine alone."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return (parts.scheme == "https" and bool(host)) or (parts.scheme == "http" and is_loopback(host))


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".").casefold() == "localhost"
