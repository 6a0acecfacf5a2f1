"""The sockets of `factory serve`: one for each address, and for `::` one of each family.

A socket of both families would name IPv4 clients `::ffff:…`, which no list of proxies or of this machine's names has.
"""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack
from typing import NamedTuple

from factory_core.errors import Refused

EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - only when somebody writes `::`

_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)  # the kernel has none; it is switched off
_OF_THE_PORT = (errno.EADDRINUSE, errno.EACCES)


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
        except (OSError, OverflowError, ValueError) as error:  # ValueError: no name of a host
            if host == EVERY_ADDRESS[1] and getattr(error, "errno", 0) in _NO_IPV6:
                continue  # IPv4 is every address here
            raise _refused(host, port, error) from None
    return sockets


def _refused(host: str, port: int, error: Exception) -> Refused:
    why = f"the system says of {host}: {getattr(error, 'strerror', None) or error}"
    if isinstance(error, OverflowError) or getattr(error, "errno", 0) in _OF_THE_PORT:
        return Refused(f"Port {port} cannot be used.", why=why, fix=f"factory serve --port {port % 65535 + 1}")
    return Refused(f"The address {host} cannot be used.", why=why, fix="factory serve --host 127.0.0.1")
