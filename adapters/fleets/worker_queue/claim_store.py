"""What a worker keeps on disk beside its work trees: who it is, and which runs it holds under which epoch."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import socket
from pathlib import Path

from factory_core.errors import Refused

from ...stores.durable_files import cannot_write, read_model, read_whole, write_model, write_whole
from ..local_engines.run_files import directory_name, lock
from .protocol import Offered


class ClaimStore:
    """One process at a time; raises Refused while another one uses the directory, or where it cannot be written."""

    def __init__(self, home: Path) -> None:
        self._claims = home / "claims"
        try:
            self._claims.mkdir(parents=True, exist_ok=True, mode=0o700)
            held = lock(home / "worker.lock")
            self.worker_id = _own_id(home / "worker-id") if held is not None else ""
        except OSError as error:
            what, why = "This worker has no place for its work trees", f"{error.filename or home}: {error.strerror}"
            fix = f"In the shell: give the worker's user the right to write {home}, or name another place with --home"
            raise Refused(what, why=why, fix=fix) from None
        if held is None:
            why = f"another process holds {home / 'worker.lock'}"
            raise Refused("A worker is at work here already", why=why, fix="factory worker --help")
        self._lock = held

    def claims(self) -> list[Offered]:
        """Without those that are damaged: the factory gives their runs to another worker when the lease is over."""
        read = (read_model(path, Offered) for path in sorted(self._claims.glob("*.json")))
        return [claim for claim in read if claim]

    def keep(self, claim: Offered) -> None:
        """Raises Retryable when it cannot be written."""
        with cannot_write(self._claims):
            write_model(self._path(claim.order.run_id), claim)

    def drop(self, run_id: str) -> None:
        """One that cannot be removed is refused by the factory at the next start."""
        with contextlib.suppress(OSError):
            self._path(run_id).unlink(missing_ok=True)

    def close(self) -> None:
        os.close(self._lock)

    def _path(self, run_id: str) -> Path:
        return self._claims / f"{directory_name(run_id)}.json"


def _own_id(path: Path) -> str:
    """Made once: the factory knows by it where the work trees of an item are."""
    known = read_whole(path, _worker_id)
    if known:
        return known
    name = re.sub(r"[^\w.-]+", "-", socket.gethostname(), flags=re.ASCII)[:60]
    made = f"{name}-{secrets.token_hex(4)}"
    with cannot_write(path.parent):
        write_whole(path, made)
    return made


def _worker_id(content: bytes) -> str:
    worker = content.decode().strip()
    if not re.fullmatch(r"[\w.-]{8,100}", worker, re.ASCII):
        raise ValueError("not a worker's id")
    return worker
