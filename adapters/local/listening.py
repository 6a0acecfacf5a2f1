"""The sockets of `factory serve`: one for each address, and for `::` one of each family.

A socket of both families would name IPv4 clients `::ffff:…`, which no list of proxies or of this machine's names has.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import NamedTuple

from factory_core.errors import Refused

EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - only when somebody writes `::`


class Address(NamedTuple):
    """`hosts`: names or addresses, IPv6 with or without brackets. `port` 0: one that is free, the same for all."""

    hosts: tuple[str, ...]
    port: int


def listen(address: Address, stack: ExitStack) -> list[socket.socket]:
    """Sockets that listen, closed by the stack. Raises Refused for what the system does not give."""
    plain = [host.strip("[]") for host in address.hosts]
    hosts = dict.fromkeys(each for host in plain for each in (EVERY_ADDRESS if host == "::" else (host,)))
    sockets: list[socket.socket] = []
    for host in hosts:
        port = sockets[0].getsockname()[1] if sockets else address.port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            sockets.append(stack.enter_context(socket.create_server((host, port), family=family)))
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise Refused(
                f"Port {port} cannot be used.",
                why=f"the system says of {host}: {why}",
                fix=f"factory serve --port {port % 65535 + 1}",
            ) from None
    return sockets
