"""Pull requests that no person has seen, shown to the merge gate of this configuration. Nothing is asked of anybody."""

from __future__ import annotations

from collections.abc import Iterator

from factory_core.config import FactoryConfig
from factory_core.dispatch.merge_gate import gate
from factory_core.dispatch.pull_request import Check, PullRequest, Review

from .promises import CHECKED, PROTECTED, Trial, judged

_STEERING = (".github/workflows/ci.yml", "CODEOWNERS", "factory.config.yaml")
_HEAD = "0" * 40


def merging_trials(config: FactoryConfig, file: str) -> Iterator[Trial]:
    yield checked(config, file)
    yield protected(config, file)


def checked(config: FactoryConfig, file: str) -> Trial:
    """Green by a check that it could have brought itself."""
    merged = _is_merged(config, _pull_request(checks=("brought-along",), files=("src/app.py",)))
    found = "a pull request whose one check nobody named would be merged" if merged else ""
    return judged(CHECKED, found, f"In {file}: name your checks in merge.requiredChecks, without merge.trustAnyCheck")


def protected(config: FactoryConfig, file: str) -> Trial:
    """Green by every check that is required, and approved by the apps whose reviews count."""
    checks = config.merge.required_checks or ("ci",)
    apps = tuple(_approval(app) for app in config.merge.review_apps)
    shown = {path: _pull_request(checks=checks, files=(path,), required=checks, reviews=apps) for path in _STEERING}
    merged = [path for path, pull_request in shown.items() if _is_merged(config, pull_request)]
    found = f"a change of {', '.join(merged)} would be merged" if merged else ""
    return judged(PROTECTED, found, f"In {file}: let protectedPaths.merge name @ci, @owners and @factory")


def _is_merged(config: FactoryConfig, shown: PullRequest) -> bool:
    return gate(shown, config.merge, "main", protected=config.protected_paths).verdict == "open"


def _approval(app: str) -> Review:
    return Review(id=app, author=app, state="approved", commit=_HEAD, standing="app")


def _pull_request(
    checks: tuple[str, ...], files: tuple[str, ...], required: tuple[str, ...] = (), reviews: tuple[Review, ...] = ()
) -> PullRequest:
    return PullRequest(
        repository="safety/check", number=1, base="main", head_sha=_HEAD, draft=False, merged=False, mergeable=True,
        checks=tuple(Check(name=name, status="completed", conclusion="success") for name in checks),
        reviews=reviews, files=files, required=required,
    )  # fmt: skip
