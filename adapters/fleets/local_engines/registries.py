"""Where this machine's package managers download from: a repository's setup may reach that, and agents.allowedDomains.

Each is asked what it is set to, so that a company's own mirror is found, too, and no list of ours grows old.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

_DEFAULT_INDEX = "from pip._internal.models.index import PyPI as i; print(i.url, f'https://{i.file_storage_domain}')"
_QUESTIONS = (
    ("npm", "config", "get", "registry"),
    ("yarn", "config", "get", "registry"),
    ("python3", "-m", "pip", "config", "list"),
    ("python3", "-c", _DEFAULT_INDEX),
    ("go", "env", "GOPROXY"),
    ("gem", "sources"),
)
_HOST = re.compile(r"https?://(?:[^\s/@'\"]+@)?(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*(?::\d{1,5})?)")
_PATIENCE = 10.0  # seconds for one answer


def package_registries(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Names of hosts, with a port where it is not the usual one; `environment` is what the programs see."""
    with ThreadPoolExecutor(len(_QUESTIONS)) as pool:
        answers = "\n".join(pool.map(partial(_answer, environment=dict(environment)), _QUESTIONS))
    return tuple(dict.fromkeys(found["host"].lower() for found in _HOST.finditer(answers)))


def _answer(question: Sequence[str], environment: dict[str, str]) -> str:
    """Asked outside of every work tree, whose settings must not count; nothing where the program is not there."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(  # noqa: S603
            question, cwd="/", env=environment, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, errors="replace", timeout=_PATIENCE, check=False,
        ).stdout  # fmt: skip
    return ""
