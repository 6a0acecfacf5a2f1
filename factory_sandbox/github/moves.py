"""Names that change: a repository is renamed or transferred, an organisation or a branch gets another name.

The repository's id stays, and its former name leads to it until somebody takes that name.
https://docs.github.com/repositories/creating-and-managing-repositories/renaming-a-repository
"""

from __future__ import annotations

from factory_core.errors import Refused

from ..node import Node
from . import git, shapes
from .host import GitHub
from .records import Repository


def rename_repository(github: GitHub, repository: str, name: str, user: str = "grace") -> Node:
    """`name` without its owner. The event is repository.renamed."""
    repo = github.repository(repository)
    before = repo.name
    _move(github, repo, f"{repo.owner}/{name}")
    changes = {"repository": {"name": {"from": before}}}
    _announce(github, repo, "repository", shapes.event(repo, "renamed", user, changes=changes))
    return shapes.repository_json(repo)


def transfer_repository(github: GitHub, repository: str, owner: str, user: str = "grace") -> Node:
    """To another organisation. The event is repository.transferred."""
    repo = github.repository(repository)
    before = shapes.organization_json(repo)
    _move(github, repo, f"{owner}/{repo.name}")
    repo.owner_id = sum(owner.encode())
    changes = {"owner": {"from": {"organization": before}}}
    _announce(github, repo, "repository", shapes.event(repo, "transferred", user, changes=changes))
    return shapes.repository_json(repo)


def rename_organization(github: GitHub, organization: str, login: str, user: str = "grace") -> Node:
    """All its repositories have another name then; the one event, organization.renamed, names none of them."""
    mine = [repo for repo in github.repositories.values() if repo.owner == organization]
    if not mine:
        raise Refused(f"organisation {organization!r}", why="it has no repository here", fix="factory sandbox --help")
    for repo in mine:
        _move(github, repo, f"{login}/{repo.name}")
    changes = {"login": {"from": organization}}
    body = shapes.event(mine[0], "renamed", user, changes=changes)
    body.pop("repository")
    github.changed("github", "organization", body, ())
    return shapes.organization_json(mine[0])


async def rename_branch(github: GitHub, repository: str, branch: str, name: str, user: str = "grace") -> Node:
    """Open pull requests follow; a new one with the old branch as its base is refused."""
    repo = github.repository(repository)
    async with repo.lock:
        await git.git(repo.path, "branch", "-m", branch, name)
        repo.renamed_branches[branch] = name
        repo.branches = await git.branches(repo.path)
        retargeted = [pull for pull in repo.pulls if pull.state == "open" and pull.base == branch]
        for pull in retargeted:
            pull.base = name
            edited = {"base": {"ref": {"from": branch}, "sha": {"from": pull.base_sha}}}
            github.announce(repo, pull, "pull_request", shapes.pull_event(repo, pull, "edited", user, changes=edited))
        if repo.default_branch == branch:
            repo.default_branch = name
            await git.git(repo.path, "symbolic-ref", "HEAD", f"refs/heads/{name}")
            changes = {"default_branch": {"from": branch}}
            _announce(github, repo, "repository", shapes.event(repo, "edited", user, changes=changes))
    return shapes.repository_json(repo)


def _move(github: GitHub, repo: Repository, full_name: str) -> None:
    """The bare repository stays where it is; only its name changes."""
    if full_name.casefold() in (name.casefold() for name in github.repositories):
        raise Refused(f"{full_name!r}", why="there is such a repository already", fix="factory sandbox --help")
    del github.repositories[repo.full_name]
    github.former_names[repo.full_name.casefold()] = repo.id
    github.former_names.pop(full_name.casefold(), None)
    repo.full_name = full_name
    github.repositories[full_name] = repo


def _announce(github: GitHub, repo: Repository, name: str, body: Node) -> None:
    github.changed("github", name, body, ())
