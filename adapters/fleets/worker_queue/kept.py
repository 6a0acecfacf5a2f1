"""What a worker keeps on disk beside its work trees: who it is, and which runs it holds under which epoch."""

from __future__ import annotations

import os
import re
import secrets
import socket
from pathlib import Path

from factory_core.errors import Refused
from factory_core.intake.payload import parse_as

from ..local_engines.run_files import directory_name, lock
from .protocol import Offered


class Kept:
    """One process at a time; raises Refused while another one uses the directory."""

    def __init__(self, home: Path) -> None:
        self._claims = home / "claims"
        self._claims.mkdir(parents=True, exist_ok=True, mode=0o700)
        held = lock(home / "worker.lock")
        if held is None:
            why = f"another process holds {home / 'worker.lock'}"
            raise Refused("A worker is at work here already", why=why, fix="factory worker --help")
        self._lock = held
        self.worker_id = _own_id(home / "worker-id")

    def claims(self) -> list[Offered]:
        return [parse_as(Offered, path.read_bytes()) for path in sorted(self._claims.glob("*.json"))]

    def keep(self, claim: Offered) -> None:
        path = self._path(claim.order.run_id)
        draft = path.with_suffix(".new")
        with draft.open("w", encoding="utf-8") as file:
            file.write(claim.model_dump_json())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)

    def drop(self, run_id: str) -> None:
        self._path(run_id).unlink(missing_ok=True)

    def close(self) -> None:
        os.close(self._lock)

    def _path(self, run_id: str) -> Path:
        return self._claims / f"{directory_name(run_id)}.json"


def _own_id(path: Path) -> str:
    """Made once: the factory knows by it where the work trees of an item are."""
    if not path.exists():
        name = re.sub(r"[^\w.-]+", "-", socket.gethostname(), flags=re.ASCII)[:60]
        path.write_text(f"{name}-{secrets.token_hex(4)}")
    return path.read_text().strip()
