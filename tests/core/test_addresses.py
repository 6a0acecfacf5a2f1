"""No credential in an address, and none where others can read it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters.config_text import config_of
from factory_core.errors import ConfigProblem
from factory_core.text.addresses import credential_in, is_private

pytestmark = pytest.mark.pure

HOLD = (
    "https://ghp_x@github.com/a/b.git", "https://x:y@github.com/a", "https://gh%70@h/a", "HTTPS://t@h/a", "https://t%40h/a",
    "https://t%2540h/a", "https://:t@h/a", "ssh://git:pw@h/a", "git:pw@h:a/b", "git%3Apw@h:a/b", "https://h/a?private_token=1",
    "git://t@h/a",
)  # fmt: skip
HOLD_NONE = (
    "https://github.com/a/b.git", "https://h:8443/a", "ssh://git@github.com/a/b.git", "git@github.com:a/b.git",
    "/srv/a:b@c", "../a@b", "file:///a@b", "C:/a@b", "",
)  # fmt: skip


@pytest.mark.parametrize("address", HOLD)
def test_a_credential_in_an_address_is_found(address: str) -> None:
    """As a user, which is how tokens are usually put there, as a password, encoded, and in a query."""
    assert credential_in(address)


@pytest.mark.parametrize("address", HOLD_NONE)
def test_a_user_of_ssh_and_a_path_are_no_credential(address: str) -> None:
    assert not credential_in(address)


def test_a_credential_goes_over_https_or_stays_on_this_machine() -> None:
    private = ("https://h", "HTTPS://h", "http://localhost:1", "http://127.9.0.1", "http://[::1]:2/x")
    public = (
        "http://h",
        "http://127.0.0.1.evil.example",
        "http://2130706433",
        "ftp://h",
        "https://",
        "http://[::1",
        "",
    )
    assert [url for url in (*private, *public) if is_private(url)] == list(private)


ROLES = {"intentProvider": "linear", "clarificationChannel": "slack", "outputTarget": "github"}
SHOWN: dict[str, dict[str, Any]] = {
    "repositories.acme/shop.cloneUrl": {
        "repositories": {"acme/shop": {"cloneUrl": "https://ghp_x@github.com/acme/shop.git"}}
    },
    "github.gitUrl": {"github": {"gitUrl": "http://git.acme.example"}},
    "slack.url": {"slack": {"url": "http://slack.acme.example"}},
}


@pytest.mark.parametrize("key", SHOWN)
def test_a_configuration_that_would_show_a_credential_is_refused_with_its_line(key: str) -> None:
    """As JSON, which every host reads."""
    text = json.dumps({**ROLES, **SHOWN[key]}, indent=2)
    line = 1 + text[: text.index("http")].count("\n")
    with pytest.raises(ConfigProblem) as raised:
        config_of(text, "f.json")
    assert raised.value.what == f"f.json, line {line}: {key}"
    assert "In f.json" in raised.value.fix and "ghp_x" not in str(raised.value)
