"""What the configuration and the files beside it say about safety. Nothing is changed."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from adapters.credentials.files import open_to_others
from adapters.credentials.secrets import missing_secrets
from adapters.fleets.local_engines.environment import for_git
from adapters.fleets.local_engines.git import GitFailed, git
from adapters.logs.redaction import shaped_like_secrets
from adapters.registry import WORKERS, declared

from .promises import (
    COMMITTED,
    FILES,
    GUESSED,
    MASKED,
    WRITTEN,
    Installed,
    Trial,
    judged,
    not_applicable,
)

_LONG = 16  # characters; of a shorter value no other spelling is known
_PASSWORD_IN_URL = re.compile(r"://[^\s/@]+@")


def configuration_trials(installed: Installed) -> Iterator[Trial]:
    """Try what concerns files and secrets."""
    yield modes(installed)
    yield committed(installed.secrets_file)
    yield guessed(installed)
    yield written(installed)
    yield masked(installed)


def modes(installed: Installed) -> Trial:
    """Of the files that `factory serve` warns of, and of what it keeps."""
    fleet = installed.home / "fleet" / installed.config.tenant
    store = installed.store
    kept = (installed.secrets_file, store, *(store.with_name(f"{store.name}{end}") for end in ("-wal", "-shm")), fleet)
    there = [path for path in kept if path.exists()]
    wide = {os.path.relpath(path): why for path in there if (why := open_to_others(path))}
    found = "; ".join(f"{name}: {why}" for name, why in wide.items())
    if not there:
        return not_applicable(FILES, "there are no such files yet")
    return judged(FILES, found, f"In the shell: chmod go-rwx {shlex.join(wide)}")


def committed(secrets_file: Path) -> Trial:
    """In git's list, or not even ignored, so that the next `git add` takes it?"""
    name = secrets_file.name
    around, place = for_git(os.environ), secrets_file.parent
    shown = shlex.quote(os.path.relpath(place))
    ignored = shlex.quote(os.path.relpath(place / ".gitignore"))
    if not secrets_file.exists():
        return not_applicable(COMMITTED, f"there is no {name}")

    def asked(*arguments: str) -> bool:
        try:
            git(place, *arguments, environment=around, tick=lambda: None)
        except GitFailed:
            return False
        return True

    try:
        if not asked("rev-parse", "--git-dir"):
            return not_applicable(COMMITTED, "it lies in no git repository")
        if asked("ls-files", "--error-unmatch", "--", name):
            fix = f"In the shell: git -C {shown} rm --cached {name}"
            return judged(COMMITTED, f"git has {name}, so that each secret in it must be made anew", fix)
        if not asked("check-ignore", "--quiet", "--", name):
            return judged(COMMITTED, f"git does not ignore {name}", f"In the shell: echo {name} >> {ignored}")
    except OSError as error:
        return not_applicable(COMMITTED, f"git: {error.strerror or error}")
    return Trial(COMMITTED, "held")


def guessed(installed: Installed) -> Trial:
    """By the rule that `factory serve` starts by."""
    weak = missing_secrets(installed.config, installed.secrets)
    found = "; ".join(one.words for one in weak)
    return judged(GUESSED, found, f"factory connect {weak[0].provider}" if weak else "")


def written(installed: Installed) -> Trial:
    """The text of the file, comments included."""
    name = installed.path.name
    try:
        content = installed.path.read_bytes()
    except OSError as error:
        return not_applicable(WRITTEN, f"{name}: {error.strerror or error}")
    lines = content.decode(errors="replace").splitlines()
    for number, line in enumerate(lines, 1):
        known = any(value in line for value in installed.secrets.known())
        if known or shaped_like_secrets(line.encode()) or _PASSWORD_IN_URL.search(line):
            what = "a secret that is known here" if known else "what looks like a secret"
            fix = f"In {name}: take it out of line {number}, and make a new one"
            return judged(WRITTEN, f"{what} stands in line {number} of {name}", fix)
    return Trial(WRITTEN, "held")


def masked(installed: Installed) -> Trial:
    """By what cleans every text that goes out, given this configuration's own secrets."""
    vendors = declared(installed.config).values()
    wanted = [secret for vendor in vendors for secret in (vendor.token, vendor.webhook_secret)]
    passed, some = list[str](), False
    for secret in (*wanted, WORKERS):
        for value in installed.secrets.several(secret):
            some = True
            if any(value in installed.secrets.redact(f"It is {value} .") for value in _spelled(value)):
                passed.append(installed.secrets.names(secret)[0])
    if not some:
        return not_applicable(MASKED, "no secret is known here")
    found = f"{', '.join(dict.fromkeys(passed))}: too short to be told from an ordinary word" if passed else ""
    return judged(MASKED, found, "In each vendor's settings: make a new one, and give it to `factory connect`")


def _spelled(value: str) -> Iterator[str]:
    yield from (value, json.dumps(value)[1:-1], quote(value, safe=""))
    if len(value) >= _LONG:
        yield base64.b64encode(value.encode()).decode()
