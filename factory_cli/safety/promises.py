"""The promises of docs/safety.md that can be tried on a user's machine, and what a trial of one came to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from adapters.credentials.secrets import Secrets
from factory_core.config import FactoryConfig
from factory_core.errors import Problem

Outcome = Literal["held", "fell", "not applicable"]


class Installed(Protocol):
    """A configuration on disk, with what lies beside it."""

    @property
    def path(self) -> Path: ...
    @property
    def config(self) -> FactoryConfig: ...
    @property
    def environment(self) -> Mapping[str, str]: ...
    @property
    def secrets(self) -> Secrets: ...
    @property
    def secrets_file(self) -> Path: ...
    @property
    def store(self) -> Path: ...
    @property
    def home(self) -> Path: ...


class Promise(NamedTuple):
    """`text` is a row of docs/safety.md, word for word."""

    section: str
    text: str
    tried: str


class Trial(NamedTuple):
    """`found` says why it fell or does not apply; `fix` can be typed, or done, as it is."""

    promise: Promise
    outcome: Outcome
    found: str = ""
    fix: str = ""


def judged(promise: Promise, found: str, fix: str) -> Trial:
    """It held when nothing was found."""
    return Trial(promise, "fell", found, fix) if found else Trial(promise, "held")


def not_applicable(promise: Promise, why: str, fix: str = "") -> Trial:
    return Trial(promise, "not applicable", why, fix)


def refused(promise: Promise, problem: Problem) -> Trial:
    """What `factory serve` refuses to start with."""
    return Trial(promise, "fell", problem.why, problem.fix)


_AGENTS, _SERVER, _SECRETS, _MERGING = "Agents", "Server", "Secrets", "Merging and spending"

WALL = Promise(_AGENTS, "An engine starts only behind a wall.", "agents.wall, and a start of each engine")
READS = Promise(
    _AGENTS,
    "An agent reads no file and no process of yours.",
    "reading .env, the store, a secret beside its tree, what your home holds, other processes' environments",
)
WRITES = Promise(_AGENTS, "An agent writes to its own tree alone.", "writing to a file beside its tree")
CONNECTS = Promise(
    _AGENTS,
    "An agent connects to the addresses that you allow, and to no other.",
    "a server on this machine, directly and through the run's proxy; a way to a foreign address",
)
PLANTED = Promise(
    _AGENTS,
    "Nothing that an agent leaves in its tree is run by the factory's git.",
    "hooks, fsmonitor, filters, a rewritten address and a nested repository with settings of its own",
)
CREDENTIAL = Promise(
    _AGENTS,
    "The code host's credential is in no command line, no environment and no file.",
    "every process and every file, while git fetches from and pushes to a code host on this machine",
)
PUSHED = Promise(
    _AGENTS, "A branch that holds a secret of the factory is not pushed.", "pushing a commit that holds one"
)
OUTLIVES = Promise(_AGENTS, "No process of an agent outlives its run.", "leaving one in a session of its own")

PAGE = Promise(
    _SERVER,
    "Nobody sees the status page without its password; where none is set, only this machine does.",
    "asking for it without the password, under a foreign name, and as a proxy would",
)
SIGNED = Promise(
    _SERVER,
    "A webhook without a right signature is refused with 401, whatever tenant it names.",
    "one without a signature and one with a wrong one, for each vendor and for a tenant that does not exist",
)
FLOOD = Promise(
    _SERVER,
    "Connections that send nothing keep nobody else out, and are closed.",
    "more of them than a small server takes, and a request beside them",
)
MACHINES = Promise(
    _SERVER, "Other machines reach the status page only with a good password.", "server.host, FACTORY_STATUS_TOKEN"
)

FILES = Promise(
    _SECRETS, "Secrets and records are open to no other user of this machine.", "the modes of .env, store, .factory"
)
COMMITTED = Promise(_SECRETS, ".env gets into no commit.", "git's list of files, and its rules of what to ignore")
GUESSED = Promise(_SECRETS, "No secret can be guessed.", "the length and the origin of each secret")
WRITTEN = Promise(_SECRETS, "The configuration holds no secret.", "values that are known here, and known shapes")
MASKED = Promise(
    _SECRETS,
    "No known secret is in what the factory posts, stores, shows or logs.",
    "texts that hold each of them as it is, as JSON, in an address and in base64",
)

CHECKED = Promise(
    _MERGING,
    "Nothing is merged that neither a check which somebody requires nor a person has passed.",
    "a pull request that is green by a check of its own",
)
PROTECTED = Promise(
    _MERGING,
    "What steers CI, reviews and the factory itself is merged by no policy without a person.",
    "green pull requests that change a workflow, CODEOWNERS and factory.config.yaml",
)

SPENT = Promise(
    _MERGING,
    "Spending of a day ends, whatever an engine says of its cost.",
    "tickets that cost as much as they may, until none is granted a run",
)

PROMISES = (
    *(WALL, READS, WRITES, CONNECTS, PLANTED, CREDENTIAL, PUSHED, OUTLIVES),
    *(PAGE, SIGNED, FLOOD, MACHINES),
    *(FILES, COMMITTED, GUESSED, WRITTEN, MASKED),
    *(CHECKED, PROTECTED, SPENT),
)
"""In the order in which they are tried."""
