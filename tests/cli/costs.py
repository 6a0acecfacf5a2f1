"""What a command costs the processor, however long it waits for it on a busy machine."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Mapping, Sequence


def seconds_of(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Of the processor, for one run of it."""
    before = _children()
    subprocess.run(command, stdout=subprocess.DEVNULL, env=environment, check=True)
    return _children() - before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
