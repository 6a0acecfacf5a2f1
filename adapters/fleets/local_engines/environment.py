"""What an engine may know of this machine's environment: an allow-list. No key of a model, tracker or code host."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from factory_core.errors import ConfigProblem

_ALLOWED = frozenset(
    {
        *("PATH", "HOME", "LANG", "LANGUAGE", "TERM", "TMPDIR", "USER", "LOGNAME", "SHELL", "TZ"),
        *("CLAUDE_CONFIG_DIR", "CODEX_HOME"),  # where the engines keep their own sign-in
    }
)
_SECRET = re.compile(
    r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|AUTH|^(LINEAR|SLACK|GITHUB|GH|RELAYFILE|FACTORY)_", re.IGNORECASE
)
_COMMITTER = {
    "GIT_AUTHOR_NAME": "factory", "GIT_AUTHOR_EMAIL": "factory@localhost",
    "GIT_COMMITTER_NAME": "factory", "GIT_COMMITTER_EMAIL": "factory@localhost",
}  # fmt: skip
GIT = {
    **_COMMITTER,
    "GIT_CONFIG_GLOBAL": "/dev/null",  # no credential helper, no alias and no hook of the person at the keyboard
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
}
"""How git behaves for us and for the engines: the same everywhere, and it never waits for a keyboard."""


def check_names(names: Iterable[str]) -> None:
    """Raise ConfigProblem when agents.passEnvironment names what looks like a secret; nothing makes it acceptable."""
    for name in names:
        if _SECRET.search(name):
            raise ConfigProblem(
                f"factory.config.yaml: agents.passEnvironment: {name}",
                why="it looks like a secret, and an engine gets none: it signs in by itself (claude, codex login)",
                fix=f"In factory.config.yaml: remove {name} from agents.passEnvironment",
            )


def for_engine(environment: Mapping[str, str], more: Iterable[str] = ()) -> dict[str, str]:
    """The part of `environment` that an engine may see, `more` names included, with git's settings."""
    allowed = _ALLOWED | set(more)
    return {name: value for name, value in environment.items() if name in allowed or name.startswith("LC_")} | GIT


def for_git(environment: Mapping[str, str]) -> dict[str, str]:
    """What git needs when the factory itself calls it; a credential is added to single calls."""
    kept = {name: environment[name] for name in ("PATH", "HOME", "SSH_AUTH_SOCK", "TMPDIR") if name in environment}
    return (
        kept
        | GIT
        | {"LC_ALL": "C", "GIT_SSH_COMMAND": "ssh -oBatchMode=yes", "GIT_ALLOW_PROTOCOL": "file:http:https:ssh"}
    )
