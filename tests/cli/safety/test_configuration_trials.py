"""The trials of files, secrets and rules, on a good set-up and on broken ones."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from adapters.credentials.secrets import Secrets
from factory_cli.output import Output
from factory_cli.place import Place, place_of
from factory_cli.safety import configuration as trial
from factory_cli.safety.merging import merging_trials
from factory_cli.safety.promises import PROMISES, Trial
from factory_cli.safety.spending import spent
from factory_cli.safety.trials import trials
from factory_core.dispatch.spending import DaySpending
from tests.cli.calling import CONFIG, SECRETS, Command

LONG = {name: f"{name.lower()}-5d1e/+8f" for name in SECRETS}


def place(folder: Path, config: str = CONFIG, **environment: str) -> Place:
    (folder / "factory.config.yaml").write_text(config)
    return place_of(str(folder / "factory.config.yaml"), Output(environment={**SECRETS, **environment}))


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def judged(found: Trial) -> tuple[str, str]:
    return found.outcome, found.found


@pytest.mark.parametrize(("name", "mode"), [(".env", 0o666), ("factory.db", 0o644), (".factory/fleet/default", 0o755)])
def test_what_others_can_read_is_named_with_the_command_that_closes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, mode: int
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".factory/fleet/default").mkdir(parents=True, mode=0o700)
    for file in (".env", "factory.db"):
        (tmp_path / file).touch(0o600)
    given = place(tmp_path)
    assert judged(trial.modes(given)) == ("held", "")
    (tmp_path / name).chmod(mode)
    found = trial.modes(given)
    assert found.outcome == "fell" and found.found.startswith(f"{name}: others on this machine can ")
    subprocess.run(found.fix.removeprefix("In the shell: "), shell=True, check=True)
    assert judged(trial.modes(given)) == ("held", "")


def test_a_file_of_secrets_that_git_has_or_would_take_is_named(tmp_path: Path) -> None:
    tmp_path = tmp_path / "a directory's name"
    tmp_path.mkdir()
    file = tmp_path / ".env"
    assert trial.committed(file).outcome == "not applicable"
    file.write_text("A=b\n")
    assert judged(trial.committed(file)) == ("not applicable", "it lies in no git repository")
    git(tmp_path, "init", "-q")
    found = trial.committed(file)
    assert judged(found) == ("fell", "git does not ignore .env")
    subprocess.run(found.fix.removeprefix("In the shell: "), shell=True, check=True)
    assert judged(trial.committed(file)) == ("held", "")
    git(tmp_path, "add", "-f", ".env")
    found = trial.committed(file)
    assert found.outcome == "fell" and found.found.startswith("git has .env")
    subprocess.run(found.fix.removeprefix("In the shell: "), shell=True, check=True)
    assert judged(trial.committed(file)) == ("held", "")


def test_secrets_that_can_be_guessed_are_those_with_which_nothing_starts(tmp_path: Path) -> None:
    assert judged(trial.guessed(place(tmp_path))) == ("held", "")
    found = trial.guessed(place(tmp_path, GITHUB_WEBHOOK_SECRET="short"))
    assert judged(found) == ("fell", "GITHUB_WEBHOOK_SECRET is shorter than 16 characters")
    assert found.fix == "factory connect github"


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("# the old one: known-8d1e5f00c2", "a secret that is known here"),
        (f"# ghp_{'a' * 36}", "what looks like a secret"),
        ("# http://me:pass@proxy.example", "what looks like a secret"),
    ],
)
def test_a_secret_in_the_configuration_is_named_by_its_line(tmp_path: Path, line: str, what: str) -> None:
    assert judged(trial.written(place(tmp_path))) == ("held", "")
    found = trial.written(place(tmp_path, f"{CONFIG}{line}\n", SLACK_BOT_TOKEN="known-8d1e5f00c2"))
    number = len(CONFIG.splitlines()) + 1
    assert judged(found) == ("fell", f"{what} stands in line {number} of factory.config.yaml")
    assert not any(word in found.found + found.fix for word in ("8d1e5f", "ghp_", "pass@"))


def test_a_secret_that_would_go_out_is_named_without_its_value(tmp_path: Path) -> None:
    """One that is as short as a word is taken for one."""
    assert judged(trial.masked(place(tmp_path, **LONG))) == ("held", "")
    found = trial.masked(place(tmp_path, **{**LONG, "GITHUB_TOKEN": "hunter2"}))
    assert judged(found) == ("fell", "GITHUB_TOKEN: too short to be told from an ordinary word")
    assert trial.masked(place(tmp_path)._replace(secrets=Secrets({}))).outcome == "not applicable"


@pytest.mark.parametrize(
    ("merge", "unchecked", "protected"),
    [
        ("", "held", "held"),
        ("merge: {policy: on-green}", "held", "held"),
        ("merge: {policy: on-green, requiredChecks: [test]}", "held", "held"),
        ("merge: {policy: on-green-with-review, reviewApps: [helper]}", "held", "held"),
        ("merge: {policy: on-green, trustAnyCheck: true}", "fell", "held"),
        ("merge: {policy: on-green}\nprotectedPaths: {push: [], merge: ['@ci', '@owners']}", "held", "fell"),
        (
            "merge: {policy: on-green-with-review, reviewApps: [helper]}\nprotectedPaths: {push: [], merge: []}",
            "held",
            "fell",
        ),
        (
            "merge: {policy: on-green}\nprotectedPaths: {merge: ['.github/**', '*OWNERS', '*.config.yaml']}",
            "held",
            "held",
        ),
    ],
)
def test_what_would_be_merged_without_a_person_falls(
    tmp_path: Path, merge: str, unchecked: str, protected: str
) -> None:
    """The gate itself judges; other patterns than the sets do as well."""
    config = place(tmp_path, f"{CONFIG}{merge}\n").config
    assert [one.outcome for one in merging_trials(config, "f")] == [unchecked, protected]


@pytest.mark.parametrize(
    ("budget", "outcome"),
    [
        ("", "held"),
        ("budget: {item: 5, daily: 7.5}", "held"),
        ("budget: {item: 1000000, daily: 3, unmeasuredRun: 0.01}", "held"),
        ("budget: {item: 1000000, daily: 1000000}", "held"),
        ("budget: {unmeasuredRun: 0}", "fell"),
    ],
)
def test_a_day_that_costs_nothing_by_mistake_has_no_end(tmp_path: Path, budget: str, outcome: str) -> None:
    found = spent(place(tmp_path, f"{CONFIG}{budget}\n").config, "factory.config.yaml")
    assert found.outcome == outcome and ("budget.unmeasuredRun" in found.fix) == (outcome == "fell")


def test_each_promise_is_tried_once_and_in_order(tmp_path: Path) -> None:
    steps: list[str] = []
    config = CONFIG.replace("{engine: console}", "{engine: console, fleet: workers}")
    given = place(tmp_path, config, FACTORY_WORKER_TOKEN="g" * 16)
    found = asyncio.run(trials(given, steps.append))
    assert [one.promise for one in found] == list(PROMISES) and len(steps) == 2
    assert all(one.fix for one in found if one.outcome == "fell")


def test_the_command_ends_with_1_when_a_promise_fell_and_says_the_fix(home: Path, command: Command) -> None:
    given = {**LONG, "FACTORY_WORKER_TOKEN": "g" * 16}
    (home / ".env").write_text("".join(f"{name}={value}\n" for name, value in given.items()))
    (home / ".env").chmod(0o600)
    config = home / "factory.config.yaml"
    config.write_text(CONFIG.replace("{engine: console}", "{engine: console, fleet: workers}"))
    good = command("doctor", "--safety", "--json", cwd=home)
    assert good.code == 0, good.out
    assert good.document["schema"] == "factory.safety/1" and good.document["ok"] is True
    assert {one["outcome"] for one in good.document["trials"]} == {"held", "not applicable"}
    (home / ".env").chmod(0o666)
    done = command("doctor", "--safety", cwd=home)
    assert done.code == 1 and "fix: In the shell: chmod go-rwx .env" in done.out
    assert done.out.splitlines()[-1].endswith(" not applicable.") and " 1 fell" in done.out
    assert "webhook" not in done.err  # what the attacks make the server log
    assert command("doctor", "linear", "--safety", cwd=home).code == 2


def test_a_day_that_costs_more_than_its_budget_falls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it would without the sum of the day."""
    monkeypatch.setattr(DaySpending, "settled", lambda day, *_, **__: day.model_copy(update={"usd": day.usd + 200}))
    found = spent(place(tmp_path).config, "f")
    assert found.outcome == "fell" and "in a day whose budget is $100" in found.found
