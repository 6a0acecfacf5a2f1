"""The vendors that the sandbox plays, a line each, and the configuration of a factory that works with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from .github.vendor import PLAYED as GITHUB
from .linear.vendor import PLAYED as LINEAR
from .relayfile.vendor import PLAYED as RELAYFILE
from .signing import Attempt, Headers, Vendor
from .slack.vendor import PLAYED as SLACK
from .vendor import PlayedVendor

PLAYED: Mapping[Vendor, PlayedVendor] = MappingProxyType(
    {"linear": LINEAR, "slack": SLACK, "github": GITHUB, "relayfile": RELAYFILE}
)
SIGN: Mapping[Vendor, Callable[[str, Attempt], Headers]] = MappingProxyType(
    {name: played.sign for name, played in PLAYED.items()}
)
SECRETS = {
    **{played.variables[0]: f"sandbox-{name}" for name, played in PLAYED.items()},
    **{played.variables[1]: f"sandbox-{name}-webhooks" for name, played in PLAYED.items()},
}
"""Variable → its value: what the sandbox takes and signs with."""

_CONFIG = """\
tenant: default
intentProvider: linear
clarificationChannel: slack
outputTarget: github
repositories:
  acme/shop: {}
routing:
  byProject:
    Shop: acme/shop
agents:
  engine: console
merge:
  policy: on-green
  requiredChecks: [ci]
"""


def config_text(address: str) -> str:
    """The factory.config.yaml of a factory that works with the sandbox at this address."""
    return _CONFIG + "".join(played.section.format(address) for played in PLAYED.values())


def first_ticket(address: str) -> str:
    """A command that makes a first ticket there."""
    ticket = '{"title": "Add a discount", "project": "Shop", "state": "Ready for Agent"}'
    return f"curl -d '{ticket}' {address}/_/linear/issues"
