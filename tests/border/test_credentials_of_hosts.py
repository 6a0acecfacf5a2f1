"""Each host reads its tokens again where they are kept when one is refused, and all roles of a vendor share them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from adapters.assembly import keep_organisations, ports_of
from adapters.aws.deployment import Deployment
from adapters.aws.secrets import secrets_kept
from adapters.cloudflare.bindings import Bindings
from adapters.credentials.files import environment_with_file, secrets_here
from adapters.credentials.secrets import Secrets
from adapters.local.wiring import code_host
from adapters.registry import VENDORS
from factory_core.config import FactoryConfig
from factory_core.errors import ConnectionLost
from tests.core.world import config_of

pytestmark = pytest.mark.pure
LINEAR, GITHUB = VENDORS["linear"].token, VENDORS["github"].token
VIEWER = {"data": {"viewer": {"name": "factory", "organization": {"id": "o", "name": "Acme"}}}}


class Linear:
    """Accepts one token, and remembers with which it was asked."""

    def __init__(self, good: str) -> None:
        self.good, self.asked = f"Bearer {good}", list[str]()

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request.headers["authorization"].removeprefix("Bearer "))
        good = request.headers["authorization"] == self.good
        return httpx2.Response(200 if good else 401, json=VIEWER if good else {})


def played(secrets: Secrets, vendor: Linear, act: Callable[[Any], Any], config: FactoryConfig | None = None) -> None:
    async def main() -> None:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(vendor)) as http:
            await act(ports_of(config or config_of(), secrets, http))

    asyncio.run(main())


async def is_let_in(ports: Any) -> bool:
    """By the client that the factory's effects use."""
    try:
        await ports.tracker._client.post("Viewer", {})
    except ConnectionLost:
        return False
    return True


def test_a_token_that_is_written_into_env_is_taken_without_a_restart(tmp_path: Path) -> None:
    """The file is replaced as `factory connect` does it; one that cannot be read for a moment changes nothing."""
    file = tmp_path / ".env"
    file.write_text("LINEAR_API_KEY=old\n")
    vendor = Linear("new")

    async def act(ports: Any) -> None:
        assert not await is_let_in(ports)
        file.write_bytes(b"LINEAR_API_KEY=\xff\n")
        await secrets.renew()
        assert secrets.find(LINEAR) == "old"
        file.unlink()
        await secrets.renew()
        assert secrets.find(LINEAR) == "" and not await is_let_in(ports)
        (tmp_path / "next").write_text("export LINEAR_API_KEY='new'\n")
        (tmp_path / "next").replace(file)
        await secrets.renew()
        assert await is_let_in(ports)

    secrets = secrets_here({}, file)
    played(secrets, vendor, act)
    assert vendor.asked == ["old", "new"]


def test_what_is_in_the_environment_wins_until_it_is_refused(tmp_path: Path) -> None:
    """A process cannot be given another environment: the token that a person then writes into .env is its successor."""
    file = tmp_path / ".env"
    file.write_text("")
    vendor = Linear("written")

    async def act(ports: Any) -> None:
        file.write_text("LINEAR_API_KEY=written\n")
        assert await is_let_in(ports)

    played(secrets_here({"LINEAR_API_KEY": "given"}, file), vendor, act)
    assert vendor.asked == ["given", "written"]


def test_another_name_is_another_account(tmp_path: Path) -> None:
    """GH_TOKEN is the person's own, for other tools: it never speaks for a factory that was given GITHUB_TOKEN."""
    file = tmp_path / ".env"
    file.write_text("GITHUB_TOKEN=ours\n")
    secrets = secrets_here({"GH_TOKEN": "personal"}, file)
    for _ in range(2):
        assert (secrets.find(GITHUB), secrets.credential("github", GITHUB)._tokens()) == ("ours", ("ours",))
        asyncio.run(secrets.renew())
    assert environment_with_file({"GH_TOKEN": "personal"}, file) == {"GITHUB_TOKEN": "ours", "GH_TOKEN": "personal"}


def test_tenants_that_share_a_file_have_each_its_own(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("ACME_LINEAR_API_KEY=one\nLINEAR_API_KEY=nobody\n")
    secrets = secrets_here({}, file, "ACME_")
    file.write_text("ACME_LINEAR_API_KEY=two, three\nLINEAR_API_KEY=nobody\n")
    asyncio.run(secrets.renew())
    assert (secrets.find(LINEAR), secrets.several(LINEAR)) == ("two", ("two", "three"))


def test_all_roles_of_a_vendor_share_what_is_known_of_its_token() -> None:
    """The tracker found out: the channel of the same vendor does not ask it again. git asks for itself: its host may
    refuse what the API takes."""
    vendor = Linear("another")
    config = config_of(clarificationChannel="linear")
    secrets = Secrets({"LINEAR_API_KEY": "old", "GITHUB_TOKEN": "t"})

    async def act(ports: Any) -> None:
        assert not await is_let_in(ports)
        with pytest.raises(ConnectionLost):
            await ports.channel._client.post("Viewer", {})
        with pytest.raises(ConnectionLost):
            await ports.target._client.call("GET", "/repos/acme/shop")
        assert not code_host(secrets, config).in_doubt

    played(secrets, vendor, act, config)
    assert vendor.asked == ["old", "t"]


class SecretsManager:
    """What is kept in the cloud, and how often it was read."""

    class exceptions:
        class ResourceNotFoundException(Exception):
            """Nobody put a value in."""

    def __init__(self, **values: Any) -> None:
        self.text, self.reads = json.dumps(values), 0

    def get_secret_value(self, SecretId: str) -> dict[str, str]:
        self.reads += 1
        return {"SecretString": self.text}


def test_a_function_that_lives_on_reads_secrets_manager_again_when_a_token_is_refused() -> None:
    """It does not wait for its cache to end; a secret that is spoilt meanwhile leaves the old one as it is."""
    vault, vendor = SecretsManager(LINEAR_API_KEY="old"), Linear("new")

    async def act(ports: Any) -> None:
        vault.text = "half of a"
        assert not await is_let_in(ports)
        assert (secrets.find(LINEAR), vault.reads) == ("old", 1)
        vault.text = json.dumps({"LINEAR_API_KEY": ["new", "old"]})
        await secrets.renew()
        assert await is_let_in(ports)

    secrets = secrets_kept(vault.text, vault, Deployment("test", "table"), "acme")
    played(secrets, vendor, act)
    assert vendor.asked == ["old", "new"]


def test_a_new_secret_that_is_there_already_costs_a_function_no_failure() -> None:
    vault, vendor = SecretsManager(LINEAR_API_KEY="old"), Linear("new")

    async def act(ports: Any) -> None:
        vault.text = json.dumps({"LINEAR_API_KEY": "new"})
        assert await is_let_in(ports)

    played(secrets_kept(vault.text, vault, Deployment("test", "table"), "acme"), vendor, act)
    assert (vendor.asked, vault.reads) == (["old", "new"], 1)


def test_a_workers_secrets_change_with_its_version_and_until_then_a_list_is_tried() -> None:
    """Cloudflare starts the object anew with each `wrangler secret put`; nothing can be read again before."""
    config = json.dumps(json.loads(config_of().model_dump_json(by_alias=True, include={
        "intent_provider", "clarification_channel", "output_target",
    })))  # fmt: skip
    texts = {"FACTORY_CONFIG": config, "LINEAR_API_KEY": "old, new"}
    vendor = Linear("new")

    async def act(ports: Any) -> None:
        assert await is_let_in(ports)

    played(Bindings(texts).secrets("default"), vendor, act)
    assert vendor.asked == ["old", "new"]


def test_a_new_token_of_another_organisation_is_refused_however_good_it_is() -> None:
    """Our tickets do not exist there and would be taken for deleted; where no organisation is known, any is good."""
    orgs = {"Bearer ours": "org-1", "Bearer theirs": "org-2", "Bearer ours-again": "org-1"}
    asked = list[str]()

    def linear(request: httpx2.Request) -> httpx2.Response:
        here = orgs.get(request.headers["authorization"], "")
        asked.append(here)
        viewer = {"name": "factory", "organization": {"id": here, "name": here}}
        return httpx2.Response(200 if here else 401, json={"data": {"viewer": viewer}} if here else {})

    async def play(organisations: dict[str, str]) -> list[bool]:
        values = {"LINEAR_API_KEY": "ours"}

        async def kept() -> tuple[dict[str, str]]:
            return (values,)

        secrets, let_in = Secrets(values, kept=kept), list[bool]()
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(linear)) as http:
            ports = ports_of(config_of(), secrets, http)
            keep_organisations(config_of(), secrets, http, organisations)
            for token in ("ours", "theirs", "ours-again"):
                values["LINEAR_API_KEY"] = token
                let_in.append(await is_let_in(ports))
        return let_in

    assert asyncio.run(play({"linear": "org-1"})) == [True, False, True]
    assert asked == ["org-1", "org-1", "org-2", "org-1", "org-1"]
    assert asyncio.run(play({})) == [True, True, True]
