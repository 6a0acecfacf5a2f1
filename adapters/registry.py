"""Name in the configuration → what implements it. The only list of vendors: a new one is a folder and a line here."""

from __future__ import annotations

import difflib
from functools import cache
from urllib.parse import urlsplit

from factory_core.config import FactoryConfig, with_sections
from factory_core.errors import ConfigProblem

from .providers.github.vendor import VENDOR as GITHUB
from .providers.linear.vendor import VENDOR as LINEAR
from .providers.relayfile.vendor import VENDOR as RELAYFILE
from .providers.slack.vendor import VENDOR as SLACK
from .providers.vendor import SHORTEST, Secret, Vendor

WORKERS = Secret("token", ("FACTORY_WORKER_TOKEN",), "factory connect workers makes one", SHORTEST)
"""What every worker of a tenant shows; two, with a comma between, while it is being rotated."""

VENDORS: dict[str, Vendor] = {"linear": LINEAR, "slack": SLACK, "github": GITHUB, "relayfile": RELAYFILE}

USUAL = {"intentProvider": "linear", "clarificationChannel": "slack", "outputTarget": "github"}
"""Key of the configuration → the vendor that a new factory gets where nobody names another one."""

ROLES = {"intentProvider": "tracker", "clarificationChannel": "channel", "outputTarget": "target", "relay": "reader"}


def vendor(name: str, key: str, file: str = "factory.config.yaml") -> Vendor:
    """The vendor that the configuration names under `key`, if it exists and can play that role."""
    can = sorted(known for known, found in VENDORS.items() if getattr(found, ROLES[key]) is not None)
    if name not in can:
        near = next(iter(difflib.get_close_matches(name, can, 1)), "")
        hint = f' Did you mean "{near}"?' if near else ""
        raise ConfigProblem(
            f'Unknown provider "{name}" in {file}: {key}',
            why=f"known here: {', '.join(can)}.{hint}",
            fix=f"In {file}: set {key} to one of {', '.join(can)}",
            see="docs/extend.md",
        )
    return VENDORS[name]


def declared(config: FactoryConfig) -> dict[str, Vendor]:
    """Every vendor of the configuration, checked for its role."""
    named = {
        "intentProvider": config.intent_provider,
        "clarificationChannel": config.clarification_channel,
        "outputTarget": config.output_target,
        "relay": config.relay,
    }
    return {name: vendor(name, key) for key, name in named.items() if name}


def code_host(git_url: str) -> tuple[str, Vendor]:
    """The code host whose site an address of git leads to; else the usual one."""
    host = urlsplit(git_url).hostname or ""
    hosts = {name: known for name, known in VENDORS.items() if known.target}
    name = next((name for name, known in hosts.items() if host == known.settings.site), USUAL["outputTarget"])
    return name, VENDORS[name]


@cache
def config_model() -> type[FactoryConfig]:
    """The model of factory.config.yaml with a section for each vendor."""
    return with_sections({name: known.settings for name, known in VENDORS.items()})
