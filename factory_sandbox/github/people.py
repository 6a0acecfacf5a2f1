"""What a person may do in a repository, and how GitHub shows their relation to it; the two are not the same. Pure.

https://docs.github.com/rest/collaborators/collaborators#get-repository-permissions-for-a-user
"""

from __future__ import annotations

from ..node import Node
from .records import BOT, Person, Repository, Role

LEGACY = {"admin": "admin", "maintain": "write", "write": "write", "triage": "read", "read": "read", "none": "none"}
ORDER: tuple[Role, ...] = ("none", "read", "triage", "write", "maintain", "admin")


def person(repository: Repository, login: str) -> Person:
    """The account; one that nobody described is a collaborator who may write, and `x[bot]` an app."""
    return repository.people.get(login) or Person(login, "Bot" if login == BOT or login.endswith("[bot]") else "User")


def role_of(repository: Repository, login: str) -> Role:
    """What they may do; an app's account has no role, whatever its installation may."""
    if login in repository.roles:
        return repository.roles[login]
    return "none" if is_app(repository, login) else "write"


def is_app(repository: Repository, login: str) -> bool:
    return login != BOT and person(repository, login).kind == "Bot"


def may_write(repository: Repository, login: str) -> bool:
    return ORDER.index(role_of(repository, login)) >= ORDER.index("write")


def association(repository: Repository, login: str) -> str:
    """`author_association`, as an outsider's token sees it: a relation, and no permission."""
    account = person(repository, login)
    if login == repository.owner:
        return "OWNER"
    if account.membership == "public":
        return "MEMBER"
    if is_app(repository, login):
        return "NONE"
    if account.membership == "none" and role_of(repository, login) != "none":
        return "COLLABORATOR"
    return "CONTRIBUTOR" if account.committed else "NONE"


def account_json(repository: Repository, login: str) -> Node:
    kind = person(repository, login).kind
    return {"login": login, "id": sum(login.encode()), "type": kind, "site_admin": False}


def owner_json(repository: Repository) -> Node:
    """The organisation keeps its id when its login is changed."""
    return {"login": repository.owner, "id": repository.owner_id, "type": "Organization", "site_admin": False}


def permission_json(repository: Repository, login: str) -> Node:
    """`permission` knows four words, `role_name` all of them."""
    role = role_of(repository, login)
    granted = ORDER.index(role)
    names = (("admin", 5), ("maintain", 4), ("push", 3), ("triage", 2), ("pull", 1))
    user = {
        **account_json(repository, login),
        "permissions": {name: granted >= least for name, least in names},
        "role_name": role,
    }
    return {"permission": LEGACY[role], "role_name": role, "user": user}
