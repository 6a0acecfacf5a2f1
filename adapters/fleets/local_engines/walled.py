"""Runs inside a wall: `python -I walled.py SOCKET PORT[,PORT…] COMMAND…` carries loopback ports to the run's proxy.

It uses nothing but the standard library, and is replaced by nothing of the agent's: it is mounted read-only. The first
port speaks as a proxy does; each further one stands for the same port of a stand-in, which tests alone have.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading


def main() -> int:
    path, ports, *command = sys.argv[1:]
    for number, port in enumerate(ports.split(",")):
        listener = socket.create_server(("127.0.0.1", int(port)), backlog=128)
        greeting = f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n" if number else ""
        threading.Thread(target=_listen, args=(listener, path, greeting.encode()), daemon=True).start()
    process = subprocess.Popen(command)  # noqa: S603
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: process.send_signal(number))
    code = process.wait()
    if code < 0:  # die of the same signal, so that whoever waits sees it
        with contextlib.suppress(OSError):  # of SIGKILL it is always the default
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def _listen(listener: socket.socket, path: str, greeting: bytes) -> None:
    while True:
        client, _ = listener.accept()
        threading.Thread(target=_carry, args=(client, path, greeting), daemon=True).start()


def _carry(client: socket.socket, path: str, greeting: bytes) -> None:
    with client, socket.socket(socket.AF_UNIX) as server, contextlib.suppress(OSError):
        server.connect(path)
        if greeting:
            server.sendall(greeting)
            while b"\r\n\r\n" not in (answer := server.recv(4096, socket.MSG_PEEK)) and answer:
                pass
            server.recv(answer.index(b"\r\n\r\n") + 4)
        up = threading.Thread(target=_copy, args=(client, server), daemon=True)
        up.start()
        _copy(server, client)
        up.join()


def _copy(source: socket.socket, to: socket.socket) -> None:
    try:
        while part := source.recv(64 << 10):
            to.sendall(part)
        to.shutdown(socket.SHUT_WR)
    except OSError:
        for peer in (source, to):
            with contextlib.suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    sys.exit(main())
