"""`factory deploy cloudflare --dry-run`: needs no account; one clear sentence for each trouble."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from .calling import NOWHERE, ROOT, SECRETS, Done, within

MORE = {"FACTORY_WORKER_TOKEN": "g" * 16, "FACTORY_STATUS_TOKEN": "h" * 16}
CONFIG = "intentProvider: linear\nclarificationChannel: slack\noutputTarget: github\nagents: {fleet: workers}\n"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone in which all is well: built, configured, with the tools on a PATH of its own."""
    (tmp_path / "infra").symlink_to(ROOT / "infra")
    (tmp_path / "factory.config.yaml").write_text(f"tenant: acme\n{CONFIG}")
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in {**SECRETS, **MORE}.items()))
    (tmp_path / "dist/cloudflare/src").mkdir(parents=True)
    (tmp_path / "dist/cloudflare/wrangler.jsonc").touch()
    (tmp_path / "dist/cloudflare/src/main.py").write_text("#" * 2**20)
    (tmp_path / "bin").mkdir()
    _tool(tmp_path, "node", "echo v22.1.0")
    _tool(tmp_path, "npx", "exit 1")
    return tmp_path


def _tool(clone: Path, name: str, does: str) -> None:
    (clone / "bin" / name).write_text(f"#!/bin/sh\n{does}\n")
    (clone / "bin" / name).chmod(0o755)


def dry_run(clone: Path, capsys: pytest.CaptureFixture[str], *argv: str, **more: str) -> Done:
    line = ("deploy", "cloudflare", "--dry-run", "--json", *argv)
    return within(*line, cwd=clone, capsys=capsys, **{"PATH": str(clone / "bin"), **more})


def troubles(done: Done) -> dict[str, tuple[str, str]]:
    """Section and name, to why and the fix."""
    assert done.code == (0 if done.document["ok"] else 1)
    return {
        f"{one['section']} {one['name']}": (one["problem"]["why"], one["problem"]["fix_in_words"])
        for one in done.document["looks"]
        if not one["ok"]
    }


def test_where_all_is_well_it_says_what_is_made_and_what_to_put_in(
    clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = dry_run(clone, capsys)
    assert (done.code, troubles(done)) == (0, {})
    assert done.document["resources"]["cloudflare_worker"] == 1
    words = {one["name"]: one["words"] for one in done.document["looks"]}
    assert words["package"] == "dist/cloudflare, 1.0 MiB of 64"
    assert set(words["secrets"].removeprefix("here: ").split(", ")) == {*SECRETS, *MORE}
    assert not any(value in done.out for value in ("=a", '"a"'))


def test_each_thing_that_is_absent_has_its_sentence(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(clone / "dist")
    shutil.rmtree(clone / "bin")
    (clone / ".env").write_text("GITHUB_TOKEN=c\nSLACK_BOT_TOKEN=b\nLINEAR_API_KEY=a\n")
    assert troubles(dry_run(clone, capsys)) == {
        "cloudflare package": ("there is no dist/cloudflare/wrangler.jsonc", "In the shell: make cloudflare-package"),
        "cloudflare node": ("wrangler needs it, and it is not on the PATH", "In the shell: install Node 22"),
        "cloudflare wrangler": (
            "neither wrangler nor npx is on the PATH", "In the shell: npm install --global wrangler",
        ),
        "acme secrets": (
            "neither the environment nor .env has LINEAR_WEBHOOK_SECRET, SLACK_SIGNING_SECRET, GITHUB_WEBHOOK_SECRET, "
            "FACTORY_WORKER_TOKEN, FACTORY_STATUS_TOKEN",
            "In .env: add them; `factory connect PROVIDER` asks for a provider's",
        ),
    }  # fmt: skip


def test_an_old_node_and_a_package_over_the_limit_are_told(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _tool(clone, "node", "echo v20.20.2")
    with (clone / "dist/cloudflare/src/main.py").open("wb") as file:
        file.truncate(65 * 2**20)  # of nothing, which takes no room
    told = troubles(dry_run(clone, capsys))
    assert told["cloudflare node"] == ("it is v20.20.2", "In the shell: install Node 22 or newer")
    assert told["cloudflare package"][0] == "dist/cloudflare, 65.0 MiB of 64"


def test_a_configuration_that_no_worker_could_have_is_told(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    people = ", ".join(f"person-{number}: U{number:08}" for number in range(300))
    (clone / "long.yaml").write_text(f"tenant: long\n{CONFIG}clarification: {{people: {{{people}}}}}\n")
    (clone / "local.yaml").write_text(f"tenant: local\n{CONFIG.replace('workers', 'local')}")
    told = troubles(dry_run(clone, capsys, "--config", "long.yaml", "--config", "local.yaml"))
    assert told["local configuration"][0] == "no agent can run in a Worker"
    assert "a variable of a Worker holds 5000" in told["long configuration"][0]


def test_several_tenants_have_their_names_in_front(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (clone / "blue.yaml").write_text(f"tenant: blue-sky\n{CONFIG}")
    told = troubles(dry_run(clone, capsys, "--config", "factory.config.yaml", "--config", "blue.yaml"))
    assert list(told) == ["acme secrets", "blue-sky secrets"]
    assert "BLUE_SKY_LINEAR_WEBHOOK_SECRET" in told["blue-sky secrets"][0]


class Account(BaseHTTPRequestHandler):
    """The one call that is made; what it answers depends on the account."""

    def do_GET(self) -> None:
        _, account, _ = self.path.split("/", 4)[1:4]
        names = [*SECRETS, "FACTORY_WORKER_TOKEN"] if account == "some" else [*SECRETS, *MORE]
        right = self.headers["authorization"] == "Bearer right"
        code = 403 if not right else 404 if account == "empty" else 200
        here = self.path.endswith("/workers/scripts/factory-main/secrets")
        self.send_response(code if here else 500)
        self.end_headers()
        self.wfile.write(json.dumps({"result": [{"name": name, "type": "secret_text"} for name in names]}).encode())

    def log_message(self, *said: Any) -> None:
        """Nothing."""


@pytest.fixture
def api() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Account) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("account", "token", "told"),
    [
        ("full", "right", {}),
        ("some", "right", {"acme secrets": "the Worker factory-main lacks FACTORY_STATUS_TOKEN"}),
        ("empty", "right", {"cloudflare account": "the account has no such Worker yet"}),
        ("full", "wrong", {"cloudflare account": "it answers 403 to the token in CLOUDFLARE_API_TOKEN"}),
    ],
)
def test_with_a_token_the_account_is_asked(
    clone: Path, capsys: pytest.CaptureFixture[str], api: str, account: str, token: str, told: dict[str, str]
) -> None:
    where = {"CLOUDFLARE_API_TOKEN": token, "CLOUDFLARE_ACCOUNT_ID": account, "CLOUDFLARE_API_BASE_URL": api}
    found = troubles(dry_run(clone, capsys, **where))
    assert {name: why for name, (why, _) in found.items()} == told


def test_an_account_that_cannot_be_reached_is_told(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = {"CLOUDFLARE_API_TOKEN": "a", "CLOUDFLARE_ACCOUNT_ID": "b", "CLOUDFLARE_API_BASE_URL": NOWHERE}
    ((why, _),) = troubles(dry_run(clone, capsys, **where)).values()
    assert why == "its API does not answer (ConnectError)"


def test_without_a_configuration_or_a_clone_there_is_one_sentence(
    clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (clone / "factory.config.yaml").unlink()
    done = dry_run(clone, capsys)
    assert (done.code, done.document["code"], done.document["fix_in_words"]) == (2, "E-CONFIG", "factory init")
    (clone / "infra").unlink()
    done = dry_run(clone, capsys)
    assert (done.code, done.document["why"]) == (2, "there is no infra/terraform/cloudflare here")


def test_without_dry_run_it_says_which_commands_make_it(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = within("deploy", "cloudflare", cwd=clone, capsys=capsys)
    assert (done.code, done.out.splitlines()[0]) == (0, "make cloudflare-package")
