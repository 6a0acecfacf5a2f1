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


async def rename_repository(github: GitHub, repository: str, name: str, user: str = "grace") -> Node:
    """`name` without its owner. The event is repository.renamed."""
    place = github.repository(repository)
    before = place.name
    _move(github, place, f"{place.owner}/{name}")
    changes = {"repository": {"name": {"from": before}}}
    _tell(github, place, "repository", shapes.event(place, "renamed", user, changes=changes))
    return shapes.repository_json(place)


async def transfer_repository(github: GitHub, repository: str, owner: str, user: str = "grace") -> Node:
    """To another organisation. The event is repository.transferred."""
    place = github.repository(repository)
    before = shapes.organization_json(place)
    _move(github, place, f"{owner}/{place.name}")
    place.owner_id = sum(owner.encode())
    changes = {"owner": {"from": {"organization": before}}}
    _tell(github, place, "repository", shapes.event(place, "transferred", user, changes=changes))
    return shapes.repository_json(place)


async def rename_organization(github: GitHub, organization: str, login: str, user: str = "grace") -> Node:
    """All its repositories have another name then; the one event, organization.renamed, names none of them."""
    mine = [place for place in github.repositories.values() if place.owner == organization]
    if not mine:
        raise Refused(f"organisation {organization!r}", why="it has no repository here", fix="factory sandbox --help")
    for place in mine:
        _move(github, place, f"{login}/{place.name}")
    changes = {"login": {"from": organization}}
    body = shapes.event(mine[0], "renamed", user, changes=changes)
    body.pop("repository")
    github.changed("github", "organization", body, ())
    return shapes.organization_json(mine[0])


async def rename_branch(github: GitHub, repository: str, branch: str, name: str, user: str = "grace") -> Node:
    """Open pull requests follow; whoever names the old branch as a base is refused from now on."""
    place = github.repository(repository)
    async with place.lock:
        await git.git(place.path, "branch", "-m", branch, name)
        place.renamed_branches[branch] = name
        place.branches = await git.branches(place.path)
        retargeted = [pull for pull in place.pulls if pull.state == "open" and pull.base == branch]
        for pull in retargeted:
            pull.base = name
            edited = {"base": {"ref": {"from": branch}, "sha": {"from": pull.base_sha}}}
            github.tell(place, pull, "pull_request", shapes.pull_event(place, pull, "edited", user, changes=edited))
        if place.default_branch == branch:
            place.default_branch = name
            await git.git(place.path, "symbolic-ref", "HEAD", f"refs/heads/{name}")
            changes = {"default_branch": {"from": branch}}
            _tell(github, place, "repository", shapes.event(place, "edited", user, changes=changes))
    return shapes.repository_json(place)


def _move(github: GitHub, place: Repository, full_name: str) -> None:
    """The bare repository stays where it is; only its name changes."""
    if full_name.casefold() in (name.casefold() for name in github.repositories):
        raise Refused(f"{full_name!r}", why="there is such a repository already", fix="factory sandbox --help")
    del github.repositories[place.full_name]
    github.former_names[place.full_name.casefold()] = place.id
    github.former_names.pop(full_name.casefold(), None)
    place.full_name = full_name
    github.repositories[full_name] = place


def _tell(github: GitHub, place: Repository, name: str, body: Node) -> None:
    github.changed("github", name, body, ())
