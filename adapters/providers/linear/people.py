"""How a person is mentioned in Linear: by the address of their profile, which Linear shows as `@name`.

https://linear.app/developers/graphql (mentions)
"""

from __future__ import annotations

import re

from factory_core.dispatch.records import Summary
from factory_core.errors import Terminal
from factory_core.work_item import WorkItem

from .client import LinearClient, shaped
from .pages import Node, Page

_PROFILE = re.compile(r"https?://[^\s<>()\"]+/profiles/[^\s<>()\"]+")
_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)


class User(Node):
    url: str
    active: bool = True


class UsersAnswer(Node):
    users: Page[User]


async def mention(client: LinearClient, item: Summary | WorkItem, person: str) -> str:
    """`person` is a profile's address, an id, a name, a display name or an e-mail address; empty for anybody else.

    A name that two people have is nobody's. The item's reporter is known by id, and by nothing that people choose.
    """
    name = person.strip().removeprefix("@")
    if person and person == item.reporter:
        name = item.reporter_id
    if _PROFILE.fullmatch(name):
        return name
    if not name or name.startswith("<"):
        return ""
    fields = ("displayName", "name", "email")
    wanted = {"id": {"eq": name}} if _ID.fullmatch(name) else {"or": [{f: {"eqIgnoreCase": name}} for f in fields]}
    try:
        users = shaped(UsersAnswer, await client.post("Users", {"filter": wanted})).users.nodes
    except Terminal:
        return ""  # a mention is a courtesy: the question is asked all the same
    active = [user.url for user in users if user.active]
    return active[0] if len(active) == 1 else ""
