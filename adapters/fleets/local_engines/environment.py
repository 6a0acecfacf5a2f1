"""What engines and git may know of this machine's environment: an allow-list. No key of a model, tracker, code host."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from factory_core.errors import ConfigProblem

from ...stores.durable_files import put_aside
from .git import GitFailed, git

_ALLOWED = frozenset(
    {
        *("PATH", "HOME", "LANG", "LANGUAGE", "TERM", "TMPDIR", "USER", "LOGNAME", "SHELL", "TZ"),
        *("CLAUDE_CONFIG_DIR", "CODEX_HOME"),  # where the engines keep their own sign-in
    }
)
_CERTIFICATES = (
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT"),
    *("CARGO_HTTP_CAINFO", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH"),
)
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "all_proxy", "no_proxy")
_SECRET = re.compile(
    r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|AUTH|^(LINEAR|SLACK|GITHUB|GH|RELAYFILE|FACTORY)_", re.IGNORECASE
)
_REFUSED = frozenset(
    {
        *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"),
        *(
            "GIT_COMMON_DIR",
            "GIT_NAMESPACE",
            "GIT_CONFIG",
            "GIT_CONFIG_COUNT",
            "GIT_CONFIG_PARAMETERS",
            "GIT_EXEC_PATH",
        ),
        *("GIT_SSH", "GIT_ASKPASS", "SSH_ASKPASS", "GIT_PROXY_COMMAND", "GIT_EXTERNAL_DIFF", "GIT_SSL_NO_VERIFY"),
    }
)
_COMMITTER = {
    "GIT_AUTHOR_NAME": "factory", "GIT_AUTHOR_EMAIL": "factory@localhost",
    "GIT_COMMITTER_NAME": "factory", "GIT_COMMITTER_EMAIL": "factory@localhost",
}  # fmt: skip
GIT = {
    **_COMMITTER,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
}
"""How git behaves for us and for the engines: the same everywhere, and it never waits for a keyboard."""


def check_names(names: Iterable[str]) -> None:
    """Raise ConfigProblem when agents.passEnvironment names what looks like a secret, or would lead git astray."""
    for name in names:
        if _SECRET.search(name):
            raise ConfigProblem(
                f"factory.config.yaml: agents.passEnvironment: {name}",
                why="it looks like a secret, and an engine gets none: it signs in by itself (claude, codex login)",
                fix=f"In factory.config.yaml: remove {name} from agents.passEnvironment",
            )
        if name in _REFUSED:
            raise ConfigProblem(
                f"factory.config.yaml: agents.passEnvironment: {name}",
                why="it would make git work in another repository, or run another program, than the factory means",
                fix=f"In factory.config.yaml: remove {name} from agents.passEnvironment",
            )


def for_engine(environment: Mapping[str, str], more: Iterable[str] = ()) -> dict[str, str]:
    """The part of `environment` that an engine may see, `more` names included, with how git behaves.

    GIT_CONFIG_GLOBAL is to be set for each run.
    """
    allowed = {*_ALLOWED, *_CERTIFICATES, *more}
    return {name: value for name, value in environment.items() if name in allowed or name.startswith("LC_")} | GIT


def certificates(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """The files and directories that its variables name and that can be read."""
    named = (Path(environment[name]) for name in _CERTIFICATES if environment.get(name, "").startswith("/"))
    return tuple(path for path in named if os.access(path, os.R_OK))


def for_git(
    environment: Mapping[str, str], settings: Path = Path(os.devnull), more: Iterable[str] = ()
) -> dict[str, str]:
    """What git needs when the factory itself calls it. `settings` is the file of write_settings.

    Proxies and certificates always reach it; no other variable of git's that is set here does.
    """
    named = ("PATH", "HOME", "SSH_AUTH_SOCK", "TMPDIR", *_PROXIES, *_CERTIFICATES)
    kept = {name: environment[name] for name in (*named, *more) if name in environment and name not in _REFUSED}
    bundle = kept.get("GIT_SSL_CAINFO") or kept.get("CURL_CA_BUNDLE") or kept.get("SSL_CERT_FILE")
    return (
        kept
        | GIT
        | ({"GIT_SSL_CAINFO": bundle} if bundle else {})
        | {"GIT_CONFIG_GLOBAL": str(settings), "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
        | {"GIT_SSH_COMMAND": "ssh -oBatchMode=yes", "GIT_ALLOW_PROTOCOL": "file:http:https:ssh"}
    )


def write_settings(settings: Path, environment: Mapping[str, str]) -> None:
    """Copy the few settings of this user and machine that the factory's own git needs to reach the code host.

    Which directories are safe, proxies and certificates; no helper, alias, filter, hook or rewritten address.
    """
    names = ("PATH", "HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM")
    around = {name: environment[name] for name in names if name in environment} | {"GIT_DIR": "/dev/null"}
    settings.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    listing = ""
    with contextlib.suppress(GitFailed, FileNotFoundError):  # there are none, or no git reads them
        asked = ("config", "--includes", "--null", "--get-regexp", _COPIED)
        listing = git(settings.parent, *asked, environment=around, tick=_never)
    with tempfile.TemporaryDirectory(dir=settings.parent) as own:  # runs that start at once write it at once
        draft = Path(own, "config")
        draft.touch(mode=0o600)  # the address of a proxy may hold a password
        for name, _, value in (entry.partition("\n") for entry in listing.split("\0") if entry):
            git(settings.parent, "config", "--file", str(draft), "--add", name, value, environment=around, tick=_never)
        if settings.is_dir() and not settings.is_symlink():
            put_aside(settings, "a directory")
        draft.replace(settings)


_COPIED = r"^(safe\.directory|http\.(.*\.)?(proxy|proxysslcainfo|sslcainfo|sslcapath|sslbackend))$"


def _never() -> None:
    """Settings are read from files: that ends by itself."""
