"""`factory help` on one screen, and its topics."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .output import Output

EXAMPLES = """\
  factory demo                        see it work, no accounts needed
  factory init                        write factory.config.yaml
  factory connect linear              then slack, then github
  factory serve                       hear webhooks and do the work
  factory status ACME-142             where does it stand, and what can I type?"""

GROUPS = ("Start", "Run", "See", "Act", "Try out")

TOPICS = {
    "exit-codes": """\
Exit codes, the same in text and in JSON

    0  done
    1  it failed, or a problem was found
    2  wrong use: an argument, the configuration, a question nobody can answer
    4  a connection needs a person: a secret, a token or a scope is missing
    5  stopped by a rule: a policy, a state in which that is not possible
    8  not finished yet (factory status --exit-status)
  130  Ctrl-C""",
    "environment": """\
Environment; what is set here wins over the .env file beside the configuration

  FACTORY_CONFIG           the configuration, instead of ./factory.config.yaml
  FACTORY_STATUS_TOKEN     the status page's password: 16 characters or more
{vendors}
  FACTORY_WORKER_TOKEN     what workers on other machines show to the factory
  FACTORY_OPERATOR_TOKEN   what `factory forget --url` shows to the factory
  XDG_STATE_HOME           where reports of the factory's own faults are kept
  NO_COLOR, TERM=dumb      no colour
  CI=true                  never ask

With several configurations in one server each name begins with its tenant:
{example}. While a webhook secret or the workers' token is being
rotated, write the old and the new with a comma between.""",
    "states": """\
States of a ticket

  triaging                is it clear, and where does it belong?
  waiting-clarification   a person was asked, and answers in the thread
  queued                  in line for an agent; waiting costs no try
  dispatching             an agent is being started
  running                 an agent is at work
  in-review               its pull request waits for checks and people
  merging                 it is being merged
  done                    merged, and the ticket is done
  blocked                 it needs a person: factory pipeline retry KEY
  cancelled               a person took it back
  failed                  given up: factory pipeline retry KEY takes it up again""",
    "money": """\
Money is in US dollars at the model's list price, a decimal string in JSON

  agents.maxUsd        what one run of an agent may spend; it is stopped there
  agents.maxTurns      how many turns it may take
  agents.maxDuration   how long it may work
  agents.maxAttempts   how many runs are tried before a person is needed

`factory status` shows what each ticket has spent. The console engine of the
demo and of the sandbox spends nothing.""",
}


def show(topic: str, commands: Mapping[str, tuple[str, str, str]], out: Output) -> int:
    if not topic:
        listed = [{"name": name, "help": line, "group": group} for name, (_, line, group) in commands.items()]
        return out.answer({"schema": "factory.help/1", "commands": listed, "topics": list(TOPICS)}, page(commands))
    if topic in TOPICS:
        return out.answer({"schema": "factory.help/1", "topic": topic, "text": text_of(topic)}, text_of(topic))
    if topic in commands and topic != "help":
        from .arguments import call

        return call([topic, "--help"], commands, out)
    from .arguments import unknown

    names = [*TOPICS, *commands]
    raise unknown("topic", topic, names, lambda near: f"factory help {near}", "factory help")


def text_of(topic: str) -> str:
    """The topic's text, with what each vendor adds to it."""
    if topic != "environment":
        return TOPICS[topic]
    from adapters.registry import VENDORS

    lines = []
    for vendor in VENDORS.values():
        token = f"{vendor.settings.title}'s {vendor.token.what}"
        lines.append(f"  {vendor.token.names[0]:25}{token:27}{vendor.webhook_secret.names[0]}")
    example = f"ACME_{next(iter(VENDORS.values())).token.names[0]}"
    return TOPICS[topic].format(vendors="\n".join(lines), example=example)


def page(commands: Mapping[str, tuple[str, str, str]]) -> str:
    """Examples first, then the groups."""
    lines = ["A ticket becomes a merged pull request; when it is not clear, a person is asked.", "", EXAMPLES]
    for group in GROUPS:
        lines += ["", group]
        lines += [f"  {name:12}{line}" for name, (_, line, of) in commands.items() if of == group]
    return "\n".join([*lines, "", "factory COMMAND --help says more. --format=json works everywhere."])
