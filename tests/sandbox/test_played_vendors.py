"""The sandbox plays each vendor that the factory knows."""

from __future__ import annotations

import pytest

from adapters.config_text import config_of
from adapters.credentials.secrets import Secrets, lacking
from adapters.registry import VENDORS
from factory_sandbox.registry import PLAYED, SECRETS, config_text

pytestmark = pytest.mark.pure


def test_each_vendor_of_the_factory_is_played_under_its_own_variables() -> None:
    """A vendor that is added here or there alone is found by this."""
    known = {name: (vendor.token.names[0], vendor.webhook_secret.names[0]) for name, vendor in VENDORS.items()}
    assert {name: played.variables for name, played in PLAYED.items()} == known


def test_the_sandboxs_configuration_and_secrets_are_all_that_a_factory_needs() -> None:
    """Read as any configuration; every vendor's address is the sandbox's."""
    config = config_of(config_text("http://127.0.0.1:8790"), "factory.config.yaml")
    assert lacking(config, Secrets(SECRETS)) == []
    sections = [config.section(name, VENDORS[name].settings) for name in VENDORS]
    assert all(url.startswith("http://127.0.0.1:8790/") for one in sections for url in one.addresses())
