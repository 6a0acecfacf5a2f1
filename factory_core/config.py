"""The text of factory.config.yaml becomes a FactoryConfig, or a problem that names the file, the key and the fix."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic.alias_generators import to_camel

from .errors import ConfigProblem
from .protected_paths import known_set
from .settings import Duration, Section, Size, Span, VendorSettings
from .text.path_patterns import PathPattern
from .text.patterns import compiled


def _pattern(value: str) -> str:
    try:
        compiled(value)
    except re.error as error:
        raise ValueError(f"it is no regular expression: {error}") from None
    return value


_NO_BRANCH = re.compile(
    r"^[-./]|[\x00-\x20\x7f~^:?*\[\\]|\.\.|//|/\.|@\{|\.lock(/|$)|[./]$|^(HEAD|@)?$|.{251}", re.DOTALL
)


def _branch(value: str) -> str:
    """https://git-scm.com/docs/git-check-ref-format: what could be taken for an option or a revision is none."""
    if _NO_BRANCH.search(value):
        raise ValueError("it is no name of a branch that git takes")
    return value


def _command(line: str) -> str:
    if "\0" in line:
        raise ValueError("a command line holds no NUL")
    return line.strip()


def _not_empty(line: str) -> str:
    if not line:
        raise ValueError("it is empty, and must be a command line")
    return line


def _commands(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _domain(name: str) -> str:
    if not re.fullmatch(r"(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*(:\d{1,5})?", name):
        raise ValueError("a domain looks like example.org or *.example.org, without https:// and without a path")
    return name


def _network(value: str) -> str:
    from ipaddress import ip_network

    ip_network(value)  # its ValueError says what is wrong
    return value


def _off(value: object) -> object:
    """YAML reads `off` as false."""
    return "off" if value is False else value


def _app(name: str) -> str:
    return name.removesuffix("[bot]")


Branch = Annotated[str, AfterValidator(_branch)]
CommandLine = Annotated[str, Field(max_length=2000), AfterValidator(_command)]
SomeCommand = Annotated[CommandLine, AfterValidator(_not_empty)]
SomeCommands = Annotated[tuple[SomeCommand, ...], Field(max_length=20), BeforeValidator(_commands)]
App = Annotated[str, AfterValidator(_app)]  # as the code host shows it, with `[bot]` or without
Domain = Annotated[str, AfterValidator(_domain)]
WallPolicy = Annotated[Literal["required", "container", "off"], BeforeValidator(_off)]
PathName = Annotated[PathPattern, AfterValidator(known_set)]  # a pattern, or a set of them
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]  # a person's id, or the name of a check
Usd = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
Network = Annotated[str, AfterValidator(_network)]  # an IP address, or a network as 10.0.0.0/8
MergePolicy = Literal["never", "on-green", "on-green-with-review"]
Exhausted = Literal["block", "publish-flagged"]
Untracked = Literal["auto", "add", "leave"]
WhoMayAnswer = Literal["members", "reporter", "anyone"] | tuple[Word, ...]
WhoMayAllow = Literal["members"] | tuple[Word, ...]
OnRefusal = Literal["ask", "close"]
TriageModel = Annotated[Literal["off", "claude", "codex"], BeforeValidator(_off)]
SlotState = Literal["running", "in-review"]


def _review_column() -> dict[SlotState, int]:
    return {"in-review": 10}


class RepositoryCheck(Section):
    """A command that the factory runs in the work tree after the agent; exit code 0 passes."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$")
    run: SomeCommand
    within: Duration = timedelta(0)  # 0: agents.checkWithin
    allowed_domains: tuple[Domain, ...] = ()  # that it may reach: none by default


class Repository(Section):
    """One place where work can be done."""

    clone_url: str = ""  # empty: the output target's own address for it
    root: str = ""  # a checkout on the factory's machine: what it has is not fetched again; it is never changed
    base: Branch = "main"
    engine: str = ""  # empty: agents.engine
    setup: SomeCommands = ()  # a command, or several, that make a fresh work tree ready; may reach package registries
    verify: CommandLine = ""  # the command that must pass before anything is published: one check
    checks: tuple[RepositoryCheck, ...] = Field(default=(), max_length=20)  # in place of verify: several, in order

    @model_validator(mode="after")
    def _checks_have_one_name_each(self) -> Repository:
        names = [check.name for check in self.checks]
        if self.verify and names:
            raise ValueError("verify is short for one check: keep either verify or checks")
        if len(set(names)) < len(names):
            raise ValueError(f"two checks are named {next(name for name in names if names.count(name) > 1)!r}")
        return self

    @property
    def all_checks(self) -> tuple[RepositoryCheck, ...]:
        """`verify` is one of that name."""
        return (RepositoryCheck(name="verify", run=self.verify),) if self.verify else self.checks


class KeywordRule(Section):
    pattern: Annotated[str, AfterValidator(_pattern)]  # whole words, unless it has \b, \B, ^ or $; Python's syntax
    repository: str


class Routing(Section):
    """Label → project → keyword → default: the first kind of rule that matches decides. Where its rules lead to several
    repositories, or no rule matches, a person is asked; the answer is remembered for the project (`factory routes`)."""

    by_label: dict[str, str] = Field(default_factory=dict)
    by_project: dict[str, str] = Field(default_factory=dict)
    by_keyword: tuple[KeywordRule, ...] = ()
    default: str = ""


class Triage(Section):
    """Labels that start a ticket or keep it from starting. They are compared by their words; a stop label also counts
    without its group. Which tickets are clear is no setting: each needs a goal and a thing that it names. Where the
    rules are unsure of that, a model may be asked."""

    go_labels: tuple[str, ...] = ("exec:quick", "exec:tdd")
    stop_labels: dict[str, str] = Field(
        default_factory=lambda: {
            "exec:pair": "it asks for a person at the keyboard",
            "exec:checkpoint": "it asks for checkpoints with a person",
            "exec:swarm": "it asks for several agents at once",
            "exec:spike": "a spike produces knowledge, not a pull request",
            "spec:draft": "its specification is still a draft",
            "spec:review": "its specification is still under review",
            "research:needs-grounding": "it needs research first",
            "type:spike": "a spike produces knowledge, not a pull request",
            "needs:human-decision": "a person has to decide first",
            "ctx:interactive": "it asks for a person at the keyboard",
        }
    )
    require_go_label: bool = False
    model: TriageModel = "off"  # the engine that is asked where the rules are unsure
    max_usd: Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)] = 0.15  # that one question to it may cost
    max_per_day: int = Field(default=50, ge=1, le=10_000)  # questions about all tickets; beyond them the rules decide


class Clarification(Section):
    """Who is asked, for how long, and what happens when nobody answers."""

    max_rounds: int = Field(default=3, ge=1, le=10)  # questions, before a person must act
    remind_after: Duration = timedelta(hours=4)
    escalate_after: Duration = timedelta(hours=24)
    give_up_after: Duration = timedelta(days=7)
    who_may_answer: WhoMayAnswer = "members"  # `members`, `reporter`, `anyone`, or a list of people's ids
    on_refusal: OnRefusal = "ask"  # `stop`, `obsolete` as an answer: ask whether to close the ticket, or close its work
    escalate_to: str = ""  # a person or group as the channel knows them: an id, as U042 or <!subteam^S1>, or a name
    people: dict[str, str] = Field(default_factory=dict)  # the tracker's name for a person → the channel's id or name


class Capacity(Section):
    """How much may happen at once. Waiting for it costs no attempt."""

    agents: int = Field(default=2, ge=1)  # at work at once
    per_repository: int = Field(default=1, ge=1)  # of them
    per_state: dict[SlotState, int] = Field(default_factory=_review_column)  # who runs has a place in review, too


class Budget(Section):
    """Where spending ends. Money in US dollars, days in UTC; what a run may cost counts until its end is known."""

    item: Usd = 30.0  # of one ticket, whatever becomes of it: retries, follow-ups, questions, reopenings
    daily: Usd = 100.0  # of all tickets in a day
    unmeasured_run: Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)] = 2.0  # if its engine names no cost
    runs_per_day: Annotated[int, Field(ge=1, le=1000)] | None = None  # of one ticket; absent: see runs_a_day()
    starts_per_hour: int = Field(default=60, ge=1, le=10_000)  # of all tickets: what is over waits for the next hour
    may_raise: tuple[Word, ...] = ()  # ids of people who may write `raise budget to $50`; at its machine you may


class Merge(Section):
    policy: MergePolicy = "never"
    method: Literal["squash", "merge", "rebase"] = "squash"
    auto: bool = False  # let the code host merge by itself, pinned to the head
    required_checks: tuple[Word, ...] = ()  # each must succeed; empty: those that the base branch requires
    trust_any_check: bool = False  # where none is required, on-green takes any check that succeeds
    review_apps: tuple[App, ...] = ()  # apps whose reviews count like a person's; others are only waited for
    wait_for_review_by: tuple[App, ...] = ()  # apps that are asked to review each head, and waited for
    wait_for_review_at_most: Span = timedelta(minutes=15)
    settle_for: Duration = timedelta(minutes=1)  # where no check is required: merge a head that is so old
    never_close_labels: tuple[str, ...] = ("incident", "outage", "sev1", "sev2")
    remind_after: Duration = timedelta(days=3)
    give_up_after: Duration = timedelta(days=14)

    @model_validator(mode="after")
    def _auto_asks_nobody(self) -> Merge:
        """The code host merges by its own rules, and those need not ask for a review."""
        if self.auto and self.policy == "on-green-with-review":
            raise ValueError("auto cannot be had with on-green-with-review: the host would not wait for the review")
        return self


class ProtectedPaths(Section):
    """Files that are not changed without a person: patterns (`deploy/**`, `*.tf`), or the sets `@ci`, `@owners`,
    `@factory`, `@lockfiles`. A list takes the place of its default."""

    push: tuple[PathName, ...] = Field(default=("@ci",), max_length=100)  # not even pushed without a person's word
    merge: tuple[PathName, ...] = Field(default=("@ci", "@owners", "@factory"), max_length=100)  # nor merged; with push
    allowed_by: WhoMayAllow = "members"  # whose word that is: `members`, or a list of people's ids

    @property
    def not_merged(self) -> tuple[str, ...]:
        """What is not even pushed is not merged either."""
        return tuple(dict.fromkeys((*self.merge, *self.push)))


class Agents(Section):
    """Where agents run, and the caps under which any of them does."""

    fleet: Literal["local", "workers"] = "local"  # workers: `factory worker` on other machines takes the runs
    engine: str = "claude"
    model: str = ""
    max_turns: int = Field(default=100, ge=1)
    max_duration: Span = timedelta(hours=2)
    max_usd: float = Field(default=10.0, gt=0, allow_inf_nan=False)
    max_attempts: int = Field(default=2, ge=1, le=5)
    max_rounds: int = Field(default=3, ge=0, le=10)  # follow-ups after a review or a failed check
    max_conflict_rounds: int = Field(default=3, ge=0, le=10)  # follow-ups for one conflict with the base
    setup_within: Span = timedelta(minutes=15)  # for a repository's setup, all of it
    check_within: Span = timedelta(minutes=15)  # for each check that names no time of its own
    fix_rounds: int = Field(default=2, ge=0, le=10)  # within one run: a failing check goes back to the agent
    exhausted: Exhausted = "block"  # and when it still fails; publish-flagged: open the pull request, never merge it
    cooldown: Duration = timedelta(seconds=60)
    idle_after: Span = timedelta(minutes=10)  # without progress for so long a run is ended; a tool at work is progress
    start_within: Duration = timedelta(minutes=10)  # of an accepted run; then the ticket says that it has not begun
    pass_environment: tuple[str, ...] = ()  # names added to the allow-list
    wall: WallPolicy = "required"  # container: each run has its own container; off: agents reach what you reach
    allowed_domains: tuple[Domain, ...] = ()  # where an agent may connect to: names, or `*.name` for all below it


class Publish(Section):
    """What of an agent's tree may become a branch at the code host."""

    untracked: Untracked = "auto"  # files that the agent did not add; auto: added, unless it commits or stages itself
    include: tuple[str, ...] = ()  # patterns (`report/**`, `*.png`): published though ignored, large or named a secret
    max_file_size: Size = 10_000_000  # of one file: bytes, or 500kB, 10MB, 1GB
    submodules: bool = False  # may a run change the commit that a submodule stands at?


class Workers(Section):
    """Runs on other machines: how long one may be silent before its run is given to another."""

    lease: Annotated[Span, Field(ge=timedelta(seconds=15))] = timedelta(minutes=5)  # a third of it is for the stop
    heartbeat: Span = timedelta(seconds=15)  # a stop is heard with the next one
    confirm_within: Span = timedelta(seconds=30)  # a worker that took a run and says no more

    @model_validator(mode="after")
    def _some_heartbeats_may_get_lost(self) -> Workers:
        if self.heartbeat * 3 > self.lease:
            raise ValueError("lease must be at least three times heartbeat")
        return self


class Runner(Section):
    """How effects are retried, and for how long a worker may hold an item."""

    lease: Span = timedelta(seconds=60)
    effect_timeout: Span = timedelta(seconds=30)  # of a push, too: one that needs longer is ended, and tried again
    max_attempts: int = Field(default=8, ge=1)  # of an effect that breaks by a fault of our own, or kills its worker
    give_up_after: Span = timedelta(hours=24)  # on a vendor that does not answer
    first_delay: Span = timedelta(seconds=1)
    longest_delay: Duration = timedelta(minutes=5)
    keep_finished: Duration = timedelta(days=7)
    review_check_every: Span = timedelta(minutes=30)
    remind_blocked_after: Duration = timedelta(days=3)  # once, of an item that needs a person; 0: never

    @model_validator(mode="after")
    def _lease_outlasts_an_effect(self) -> Runner:
        """Else another worker could take the item while this one still performs: the effect would happen twice."""
        if self.effect_timeout >= self.lease:
            raise ValueError("effectTimeout must be shorter than lease")
        return self


class Sweep(Section):
    """The search for missed events: how often, and what it may cost."""

    every: Duration = timedelta(minutes=10)  # 0: never
    calls: int = Field(default=20, ge=2)  # questions to each source; what they do not reach is the next sweep's
    looks_per_minute: int = Field(default=60, ge=1, le=600)  # after a gap in which events may have been lost


class Store(Section):
    kind: Literal["sqlite"] = "sqlite"
    path: str = "factory.db"


class Disk(Section):
    """What runs may leave on this machine. Files of what is over go first, those of what is alive never."""

    budget: Size = 20_000_000_000  # bytes, or 500MB, 20GB; more than that, and no new run starts
    keep_free: Size = 500_000_000  # on the disk, whoever fills it


class Server(Section):
    host: str = "127.0.0.1"
    port: int = Field(default=8787, ge=0, le=65535)
    public_url: str = ""
    trusted_proxies: tuple[Network, ...] = ("127.0.0.1", "::1")  # who forwards to this port, and names the client
    max_connections: int = Field(default=512, ge=32)  # at once; each waiting worker holds one
    titles: Literal["shown", "hidden"] = "shown"


class FactoryConfig(Section):
    """The file but for vendors' sections. The three roles are named; everything else has a default."""

    tenant: str = Field(default="default", pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    environment: str = "local"
    intent_provider: str
    clarification_channel: str
    output_target: str
    relay: str = ""  # the relay that webhooks come through, if they do
    repositories: dict[str, Repository] = Field(default_factory=dict)
    routing: Routing = Routing()
    triage: Triage = Triage()
    clarification: Clarification = Clarification()
    capacity: Capacity = Capacity()
    budget: Budget = Budget()
    merge: Merge = Merge()
    agents: Agents = Agents()
    publish: Publish = Publish()
    protected_paths: ProtectedPaths = ProtectedPaths()
    workers: Workers = Workers()
    runner: Runner = Runner()
    sweep: Sweep = Sweep()
    store: Store = Store()
    disk: Disk = Disk()
    server: Server = Server()

    def runs_a_day(self) -> int:
        """How many one ticket may have: as many as one pass at it may need, but at least 2."""
        needed = self.agents.max_attempts * (1 + self.agents.max_rounds)
        return self.budget.runs_per_day or max(2, needed)

    def engines(self) -> tuple[str, ...]:
        """Every engine that a ticket may get, and the one that triage asks."""
        named = dict.fromkeys(one.engine or self.agents.engine for one in self.repositories.values())
        asked = () if self.triage.model == "off" else (self.triage.model,)
        return tuple(dict.fromkeys((*(named or (self.agents.engine,)), *asked)))

    def providers(self) -> tuple[str, ...]:
        """Every vendor that this configuration declares, once, in the order of the flow."""
        named = (self.intent_provider, self.clarification_channel, self.output_target, self.relay)
        return tuple(dict.fromkeys(name for name in named if name))

    def section(self, provider: str, model: type[VendorModel]) -> VendorModel:
        """The vendor's section of the file; the model's defaults where there is none."""
        held = getattr(self, provider, None)
        return held if isinstance(held, model) else model()

    def title(self, provider: str) -> str:
        """The vendor's own spelling of its name."""
        return self.section(provider, VendorSettings).title or provider[:1].upper() + provider[1:]


VendorModel = TypeVar("VendorModel", bound=VendorSettings)


def with_sections(vendors: Mapping[str, type[VendorSettings]]) -> type[FactoryConfig]:
    """The model of the whole file: the core's sections, and one for each of these vendors."""
    fields: dict[str, Any] = {name: (model, model()) for name, model in vendors.items()}
    return create_model("FactoryConfigWithVendors", __base__=FactoryConfig, __doc__=FactoryConfig.__doc__, **fields)


def read_config(
    document: Mapping[str, Any], *, file: str, text: str = "", model: type[FactoryConfig] = FactoryConfig
) -> FactoryConfig:
    """Build the configuration from parsed YAML or JSON; raise ConfigProblem for the first key that is wrong."""
    try:
        config = model.model_validate(document)
    except ValidationError as error:
        raise _problem(error, file, text) from None
    _check_repositories(config, file)
    return config


REPLACED = {
    "triage.threshold": "triage has no score any more: a ticket starts when it says what should be different"
    " and where; to start fewer, set triage.requireGoLabel: true",
    "triage.thinBelow": "the length of a ticket decides nothing any more; to start fewer,"
    " set triage.requireGoLabel: true",
}
"""Keys of older releases, and what took their place."""


def _problem(error: ValidationError, file: str, text: str) -> ConfigProblem:
    errors = error.errors(include_url=False, include_context=False)
    first, place = errors[0], _place(errors[0]["loc"])
    key = ".".join(str(part) for part in place)
    replaced = REPLACED.get(key) or REPLACED.get(".".join(to_camel(str(part)) for part in place))
    if first["type"] == "extra_forbidden" and replaced:
        return ConfigProblem(
            f"{file}{line_of(text, place)}: {key}",
            why=replaced,
            fix=f"In {file}: delete {key}",
            see="docs/connect.md",
        )
    ways = (
        _WRONG.get(one["type"], one["msg"].removeprefix("Value error, "))
        for one in errors
        if _place(one["loc"]) == place
    )
    why = ", or ".join(dict.fromkeys(ways))
    near = _nearest(str(first["loc"][-1]) if first["loc"] else "") if first["type"] == "extra_forbidden" else ""
    return ConfigProblem(
        f"{file}{line_of(text, place)}: {key}",
        why=why + (f"; did you mean {near!r}?" if near else ""),
        fix=f"In {file}: correct {key}",
        see="docs/connect.md",
    )


_WRONG = {
    "extra_forbidden": "no such key", "missing": "it is not there", "tuple_type": "it should be a list: [one, another]",
    "model_type": "it should have keys of its own", "dict_type": "it should have keys of its own",
    "bool_parsing": "it should be true or false", "string_too_short": "it should not be empty",
}  # fmt: skip
"""By the type of pydantic's error, where its message is for programmers."""


def _place(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Without the parts that name one way of several to write a value."""
    return tuple(part for part in location if not re.fullmatch(r"\w+\[.*\]", str(part)))


def _nearest(key: str) -> str:
    known = [to_camel(name) for section in _kinds(Section) for name in section.model_fields]
    return next(iter(difflib.get_close_matches(key, known, 1)), "")


def _kinds(section: type[Section]) -> Iterator[type[Section]]:
    for kind in section.__subclasses__():
        yield kind
        yield from _kinds(kind)


def line_of(text: str, location: tuple[int | str, ...]) -> str:
    """`, line 3`, where the key stands in the text; else where the nearest key or list item around it stands."""
    lines, start, line = text.splitlines(), 0, 0
    for part in location:
        key = rf"\s*(?:- +)?(['\"]?){re.escape(str(part))}\1\s*:"
        wanted = key if isinstance(part, str) else r"(\s*)- "
        matches = [(number, found) for number in range(start, len(lines)) if (found := re.match(wanted, lines[number]))]
        if isinstance(part, int):  # items of lists within an item are indented further
            matches = [(number, found) for number, found in matches if found[1] == matches[0][1][1]][part:]
        if not matches:
            break
        line = matches[0][0] + 1
        start = line if isinstance(part, str) else line - 1  # an item's first key stands in its own line
    return f", line {line}" if line else ""


def _check_repositories(config: FactoryConfig, file: str) -> None:
    """Every route must lead to a repository that is described."""
    routing = config.routing
    targets = [("routing.byLabel", r) for r in routing.by_label.values()]
    targets += [("routing.byProject", r) for r in routing.by_project.values()]
    targets += [("routing.byKeyword", rule.repository) for rule in routing.by_keyword]
    targets += [("routing.default", routing.default)] if routing.default else []
    for key, repository in targets:
        if repository not in config.repositories:
            known = ", ".join(config.repositories) or "none"
            raise ConfigProblem(
                f"{file}: {key}",
                why=f"it names the repository {repository!r}, and repositories knows {known}",
                fix=f"In {file}: add {repository} under repositories, or correct {key}",
            )
