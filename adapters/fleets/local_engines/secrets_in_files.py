"""Which files look like secrets by their name. Pure."""

from __future__ import annotations

import re

_NAME = re.compile(
    r"\.env(\.(?!(example|sample|template|dist|defaults?)$).+)?"
    r"|id_(rsa|dsa|ecdsa|ed25519)|.+\.(p12|pfx|kdbx|ppk)"
    r"|\.netrc|_netrc|\.git-credentials|\.htpasswd|\.pgpass|credentials\.json|client_secret.*\.json",
    re.IGNORECASE,
)


def is_secret_name(path: str) -> bool:
    """`.env`, a private key or a store of passwords; not `.env.example`."""
    return _NAME.fullmatch(path.rpartition("/")[2]) is not None
