"""Files that nobody changes without a person, by what they do. `protectedPaths` names these sets, or patterns."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Sequence

from .text.path_patterns import PathPatterns, path_patterns

SETS = {
    # What a CI system reads from a branch and runs, before anybody has looked at it.
    "@ci": (
        ".github/workflows", ".github/actions", "action.yml", "action.yaml", ".gitea/workflows", ".forgejo/workflows",
        ".gitlab-ci.yml", "*.gitlab-ci.yml", ".gitlab-ci", ".gitlab/ci", ".circleci", "Jenkinsfile*", "*.jenkinsfile",
        "azure-pipelines*.yml", "azure-pipelines*.yaml", ".azure-pipelines", ".azuredevops", ".buildkite",
        "buildkite.yml", "buildkite.yaml", ".travis.yml", "bitbucket-pipelines.yml", ".drone.*", ".woodpecker*",
        "appveyor.yml", ".appveyor.yml", ".cirrus.*", ".semaphore", ".teamcity", ".builds", ".build.yml", ".tekton",
        "buildspec*.yml", "buildspec*.yaml", "cloudbuild*.yaml", "cloudbuild*.yml", "cloudbuild*.json",
        "codemagic.yaml", "bitrise.yml", "codefresh.yml", "screwdriver.yaml", "wercker.yml", ".buddy", ".harness",
        ".zuul.yaml", ".zuul.d", "zuul.yaml", "zuul.d", ".prow.yaml", ".rwx", ".onedev-buildspec.yml",
    ),
    # Who must look at a change, and what merges one by itself.
    "@owners": (
        "CODEOWNERS", "OWNERS", "OWNERS_ALIASES", ".github/settings.yml", ".mergify.yml", ".mergify",
        ".github/mergify.yml", ".kodiak.toml", ".bulldozer.yml",
    ),
    "@factory": ("factory.config.yaml", "factory.config.yml", "factory.config.json", ".factory"),
    "@lockfiles": (
        "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb",
        "deno.lock", "poetry.lock", "uv.lock", "pdm.lock", "Pipfile.lock", "pylock*.toml", "requirements*.lock",
        "Cargo.lock", "go.sum", "Gemfile.lock", "composer.lock", "packages.lock.json", "gradle.lockfile", "mix.lock",
        "pubspec.lock", "Podfile.lock", "Package.resolved", "flake.lock", ".terraform.lock.hcl", "conan.lock",
    ),
}  # fmt: skip

MOST_NAMED, LONGEST_NAMED = 5, 100  # paths in a sentence, characters of one


def known_set(name: str) -> str:
    """Raise ValueError for a set that does not exist."""
    if name.startswith("@") and "/" not in name and name not in SETS:
        near = next(iter(difflib.get_close_matches(name, SETS, 1)), "")
        hint = f"; did you mean {near!r}?" if near else ""
        raise ValueError(f"the sets are {', '.join(SETS)}{hint}")
    return name


def protecting(names: Iterable[str]) -> PathPatterns:
    """What these sets and patterns protect, in any case."""
    return path_patterns(tuple(one for name in names for one in SETS.get(name, (name,))), folded=True)


def change_mark(path: str, sha: str) -> str:
    """Names one change of one file: to exactly this content, by git's own id of it; empty when the file is deleted."""
    return hashlib.sha256(f"{path}\0{sha}".encode("utf-8", "surrogatepass")).hexdigest()[:16]


def named(paths: Sequence[str]) -> str:
    """A few of the paths, in code marks, for a sentence that people read. Whoever chose them may have put anything
    there."""
    shown = ", ".join(f"`{_plain(path)}`" for path in paths[:MOST_NAMED])
    return shown + (f" and {len(paths) - MOST_NAMED} more" if len(paths) > MOST_NAMED else "")


def _plain(path: str) -> str:
    plain = "".join(character if character.isprintable() and character != "`" else "�" for character in path)
    return plain if len(plain) <= LONGEST_NAMED else f"…{plain[-LONGEST_NAMED:]}"
