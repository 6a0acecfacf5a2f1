"""The text of factory.config.yaml becomes a FactoryConfig, or a problem that names the file, the key and the fix."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from .errors import ConfigProblem
from .section import Duration, Section, Span


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"it is no regular expression: {error}") from None
    return value


def _app(name: str) -> str:
    return name.removesuffix("[bot]")


App = Annotated[str, AfterValidator(_app)]  # as the code host shows it, with `[bot]` or without
MergePolicy = Literal["never", "on-green", "on-green-with-review"]
WhoMayAnswer = Literal["members", "reporter", "anyone"] | tuple[str, ...]
SlotState = Literal["running", "in-review"]
MappedState = Literal["ready", "dispatched", "in-review", "done"]


def _review_column() -> dict[SlotState, int]:
    return {"in-review": 10}


def _state_names() -> dict[MappedState, str]:
    return {"ready": "Ready for Agent", "dispatched": "In Progress", "in-review": "In Review", "done": "Done"}


class Repository(Section):
    """One place where work can be done."""

    clone_url: str = ""  # empty: the output target's own address for it
    base: str = "main"
    engine: str = ""  # empty: agents.engine
    verify: str = ""  # the command that must pass, told to the agent


class KeywordRule(Section):
    pattern: Annotated[str, AfterValidator(_pattern)]
    repository: str


class Routing(Section):
    """Label → project → keyword → default → none; the first that answers wins, and none never dispatches."""

    by_label: dict[str, str] = Field(default_factory=dict)
    by_project: dict[str, str] = Field(default_factory=dict)
    by_keyword: tuple[KeywordRule, ...] = ()
    default: str = ""


class Triage(Section):
    """What may start, and when a ticket is clear enough. No model is asked."""

    go_labels: tuple[str, ...] = ("exec:quick", "exec:tdd")
    stop_labels: dict[str, str] = Field(
        default_factory=lambda: {
            "exec:pair": "it asks for a person at the keyboard",
            "exec:checkpoint": "it asks for checkpoints with a person",
            "spec:draft": "its specification is still a draft",
            "research:needs-grounding": "it needs research first",
            "type:spike": "a spike produces knowledge, not a pull request",
        }
    )
    require_go_label: bool = False
    thin_below: int = Field(default=140, ge=0)  # characters of description
    threshold: float = Field(default=0.7, ge=0, le=1)


class Clarification(Section):
    """Who is asked, for how long, and what happens when nobody answers."""

    max_rounds: int = Field(default=3, ge=1, le=10)  # questions, before a person must act
    remind_after: Duration = timedelta(hours=4)
    escalate_after: Duration = timedelta(hours=24)
    give_up_after: Duration = timedelta(days=7)
    who_may_answer: WhoMayAnswer = "members"  # `members`, `reporter`, `anyone`, or a list of people's ids
    escalate_to: str = ""  # a person or group as the channel knows them, e.g. U042, <!subteam^S1>, or a name in Linear
    people: dict[str, str] = Field(default_factory=dict)  # the tracker's name for a person → the channel's id or name


class Capacity(Section):
    """How much may happen at once. Waiting for it costs no attempt."""

    agents: int = Field(default=2, ge=1)  # at work at once
    per_repository: int = Field(default=1, ge=1)  # of them
    per_state: dict[SlotState, int] = Field(default_factory=_review_column)  # who runs has a place in review, too


class Merge(Section):
    policy: MergePolicy = "never"
    method: Literal["squash", "merge", "rebase"] = "squash"
    auto: bool = False  # let the code host merge by itself, pinned to the head
    required_checks: tuple[str, ...] = ()  # each must succeed; empty: at least one must, and none may fail
    review_apps: tuple[App, ...] = ()  # apps whose reviews count like a person's; others are only waited for
    wait_for_review_by: tuple[App, ...] = ()  # apps that are asked to review each head, and waited for
    wait_for_review_at_most: Span = timedelta(minutes=15)
    settle_for: Duration = timedelta(minutes=1)  # a head is merged when it is so old: its checks begin one by one
    never_close_labels: tuple[str, ...] = ("incident", "outage", "sev1", "sev2")
    remind_after: Duration = timedelta(days=3)
    give_up_after: Duration = timedelta(days=14)

    @model_validator(mode="after")
    def _auto_asks_nobody(self) -> Merge:
        """The code host merges by its own rules, and those need not ask for a review."""
        if self.auto and self.policy == "on-green-with-review":
            raise ValueError("auto cannot be had with on-green-with-review: the host would not wait for the review")
        return self


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
    cooldown: Duration = timedelta(seconds=60)
    start_within: Duration = timedelta(minutes=10)
    pass_environment: tuple[str, ...] = ()  # names added to the allow-list


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


class Linear(Section):
    """How the tracker's state names map to ours; names are looked up per team, case does not matter."""

    team: str = ""  # empty: every team that the token sees
    states: dict[MappedState, str] = Field(default_factory=_state_names)
    url: str = "https://api.linear.app"
    organisation: str = ""  # the workspace's id: events of another one are refused; empty: the token's own, once known
    app_user_id: str = ""  # our agent user: what is delegated to it is ready


class Slack(Section):
    channel: str = ""
    url: str = "https://slack.com"
    organisation: str = ""  # the workspace's id (T…): events of another one are refused; empty: the token's own
    bot_user_id: str = ""


def _git_url(known: dict[str, Any]) -> str:
    """The site that a REST root belongs to: on Enterprise Server above `/api/v3`, on GHE.com without `api.`.

    https://docs.github.com/enterprise-cloud@latest/admin/data-residency/network-details-for-ghecom
    """
    url = known.get("url", "")
    found = re.fullmatch(r"(?P<server>https?://.+)/api/v3/?|https://api\.(?P<tenant>[a-z0-9-]+\.ghe\.com)/?", url, re.I)
    if found is None:
        return "https://github.com"
    return found["server"] or f"https://{found['tenant']}"


class Github(Section):
    url: str = "https://api.github.com"  # the REST root: https://HOST/api/v3 on Enterprise Server
    git_url: str = Field(default_factory=_git_url)  # if it is not the site of url
    app_id: str = ""
    hook_id: str = ""  # one repository's webhook: its failed deliveries are asked for again


class Relayfile(Section):
    url: str = "https://relayfile.agent-relay.com"
    workspace: str = ""


class Store(Section):
    kind: Literal["sqlite"] = "sqlite"
    path: str = "factory.db"


class Server(Section):
    host: str = "127.0.0.1"
    port: int = Field(default=8787, ge=0, le=65535)
    public_url: str = ""
    titles: Literal["shown", "hidden"] = "shown"


class FactoryConfig(Section):
    """The whole file. The three roles are named; everything else has a default."""

    tenant: str = Field(default="default", pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    environment: str = "local"
    intent_provider: str
    clarification_channel: str
    output_target: str
    relay: str = ""  # relayfile, when webhooks come through it
    repositories: dict[str, Repository] = Field(default_factory=dict)
    routing: Routing = Routing()
    triage: Triage = Triage()
    clarification: Clarification = Clarification()
    capacity: Capacity = Capacity()
    merge: Merge = Merge()
    agents: Agents = Agents()
    workers: Workers = Workers()
    runner: Runner = Runner()
    sweep: Sweep = Sweep()
    linear: Linear = Linear()
    slack: Slack = Slack()
    github: Github = Github()
    relayfile: Relayfile = Relayfile()
    store: Store = Store()
    server: Server = Server()

    def providers(self) -> tuple[str, ...]:
        """Every vendor that this configuration declares, once, in the order of the flow."""
        named = (self.intent_provider, self.clarification_channel, self.output_target, self.relay)
        return tuple(dict.fromkeys(name for name in named if name))


def read_config(document: Mapping[str, Any], *, file: str, text: str = "") -> FactoryConfig:
    """Build the configuration from parsed YAML or JSON; raise ConfigProblem for the first key that is wrong."""
    try:
        config = FactoryConfig.model_validate(document)
    except ValidationError as error:
        raise _problem(error, file, text) from None
    _check_repositories(config, file)
    return config


def _problem(error: ValidationError, file: str, text: str) -> ConfigProblem:
    first = error.errors(include_url=False, include_context=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    why = {"extra_forbidden": "no such key", "missing": "it is not there"}.get(
        first["type"], first["msg"].removeprefix("Value error, ")
    )
    near = _nearest(str(first["loc"][-1]) if first["loc"] else "") if first["type"] == "extra_forbidden" else ""
    return ConfigProblem(
        f"{file}{_line(text, first['loc'])}: {key}",
        why=why + (f"; did you mean {near!r}?" if near else ""),
        fix=f"In {file}: correct {key}",
        see="docs/connect.md",
    )


def _nearest(key: str) -> str:
    sections: list[type[Section]] = [FactoryConfig, *Section.__subclasses__()]
    known = [to_camel(name) for section in sections for name in section.model_fields]
    return next(iter(difflib.get_close_matches(key, known, 1)), "")


def _line(text: str, location: tuple[int | str, ...]) -> str:
    """`, line 3` where the last named key stands in the text."""
    key = next((str(part) for part in reversed(location) if isinstance(part, str)), "")
    for number, line in enumerate(text.splitlines(), 1):
        if key and re.match(rf"\s*['\"]?{re.escape(key)}['\"]?\s*:", line):
            return f", line {number}"
    return ""


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
