"""The lines of a failed job's log that say why it failed.

docs.github.com/rest/actions/workflow-jobs#download-job-logs-for-a-workflow-run: the answer is an address elsewhere that
is good for a minute.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict

from factory_core.errors import Problem

from .client import GithubClient

MOST_LINES, LONGEST_LINE, LONGEST = 40, 300, 3_000
MOST_BYTES = 128 * 1024  # of the log's end
WITHIN = 8.0  # seconds; an excerpt is worth no more
MOST_KEPT = 32

_STAMP = re.compile(r"^\ufeff?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z ?")
_COLOURS = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_NOISE = re.compile(r"##\[(?:group|endgroup|debug)\]")
_ERROR = "##[error]"


class JobLogs:
    """Excerpts of one client's jobs. The log of a job that ended never changes."""

    def __init__(self, client: GithubClient) -> None:
        self._client = client
        self._known: OrderedDict[tuple[str, int], str] = OrderedDict()

    async def excerpt(self, repository: str, job: int) -> str:
        """Empty where the token may not read it, or GitHub does not give it now."""
        key = (repository.casefold(), job)
        if key not in self._known:
            try:
                async with asyncio.timeout(WITHIN):
                    path = f"/repos/{repository}/actions/jobs/{job}/logs"
                    self._known[key] = relevant_lines(await self._client.download(path, MOST_BYTES))
            except (Problem, TimeoutError):
                return ""
            if len(self._known) > MOST_KEPT:
                self._known.popitem(last=False)
        return self._known[key]


def relevant_lines(log: bytes) -> str:
    """The last lines up to the last error that the job reported, without time stamps and colours."""
    plain = (_COLOURS.sub("", _STAMP.sub("", line)) for line in log.decode("utf-8", "replace").split("\n"))
    lines = [_CONTROL.sub("", line).rstrip()[:LONGEST_LINE] for line in plain if not _NOISE.match(line)]
    lines = [line for line in lines if line]
    errors = [number for number, line in enumerate(lines) if line.startswith(_ERROR)]
    kept = lines[: errors[-1] + 1] if errors else lines
    return "\n".join(line.removeprefix(_ERROR) for line in kept[-MOST_LINES:])[-LONGEST:]
