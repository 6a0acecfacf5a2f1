"""Where programs are, and which directories they need to run: an engine's own, and the toolchains on PATH.

npm puts a small Node wrapper in front of an engine's native program, and a killed wrapper leaves the program and its
tools alive; so the program itself is started.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from factory_core.errors import EngineUnavailable

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store")
"""What every program on this machine may read."""
_BESIDE = {".cargo/bin": ".rustup", ".local/share/mise/shims": ".local/share/mise", ".asdf/shims": ".asdf"}
"""Directories on PATH, below home, whose programs only lead to others."""
_SIGNS = ("lib", "lib64", "libexec", "pyvenv.cfg")  # a directory with `bin` and one of these is an installation


def program(binary: str, beside: str, fix: str) -> str:
    """The native program of `binary`: its package's neighbour that matches `beside`, else `binary` itself."""
    found = shutil.which(binary)
    if found is None:
        raise EngineUnavailable(f"The engine {binary} is not installed", why="no such program on PATH", fix=fix)
    package = _package(Path(found).resolve())
    if package is None:
        return found
    native = [*package.parent.glob(beside), *package.glob(f"node_modules/{package.parent.name}/{beside}")]
    return str(native[0]) if native else found


class Installations:
    """Finds what programs need outside the system's directories, and never gives away what holds a `private` path."""

    def __init__(self, environment: Mapping[str, str], private: tuple[Path, ...] = ()) -> None:
        self._path = environment.get("PATH", os.defpath)
        self._home = Path(environment.get("HOME") or "/nonexistent")
        self._private = (self._home, *private)

    def toolchains(self) -> tuple[Path, ...]:
        """What the directories on PATH need, links out of them included."""
        found: set[Path] = set()
        for entry in map(Path, self._path.split(os.pathsep)):
            if entry.is_absolute() and os.access(entry, os.R_OK | os.X_OK) and entry.is_dir() and not _is_system(entry):
                found.update(self._of_directory(entry))
        return tuple(sorted(found))

    def of_program(self, program: str) -> tuple[Path, ...]:
        """What the program, a path or a name, needs: its package, or itself, and its interpreter."""
        found = shutil.which(program, path=self._path)
        return tuple(sorted(set(self._of_program(Path(found))))) if found else ()

    def _of_directory(self, entry: Path) -> Iterator[Path]:
        yield from self._whole(entry, entry)
        for below, other in _BESIDE.items():
            if entry == self._home / below and (self._home / other).is_dir():
                yield self._home / other
        for link in entry.iterdir():
            if link.is_symlink() and link.is_file():
                yield from self._of_program(link.resolve())

    def _of_program(self, path: Path, depth: int = 4) -> Iterator[Path]:
        real = path.resolve()
        for one in (path, real):
            if not _is_system(one):
                yield from self._whole(_package(one) or one.parent, one)
        interpreter = _interpreter(real)
        if interpreter and depth:
            found = shutil.which(interpreter, path=self._path)
            yield from self._of_program(Path(found), depth - 1) if found else ()

    def _whole(self, directory: Path, least: Path) -> Iterator[Path]:
        """The installation that `directory` belongs to, if it is one; else `least` alone."""
        above = directory.parent
        is_bin = directory.name in {"bin", "sbin", "shims"} and any((above / sign).exists() for sign in _SIGNS)
        whole = above if is_bin or directory.name == ".bin" else directory if _package(directory / "x") else least
        if self._is_private(whole):
            whole = least
        if not self._is_private(whole):
            yield whole
            if whole.resolve() != whole:
                yield from self._whole(whole.resolve(), whole.resolve())

    def _is_private(self, path: Path) -> bool:
        held = (*self._private, self._home / ".local/share")
        return any(one.is_relative_to(path) for one in held)


def _is_system(path: Path) -> bool:
    return any(path.is_relative_to(system) for system in SYSTEM)


def _package(path: Path) -> Path | None:
    """The npm package of a scope that the path lies in."""
    return next((parent for parent in path.parents if parent.parent.name.startswith("@")), None)


def _interpreter(path: Path) -> str:
    """The program that runs a script: the first of its `#!` line, the second where that is env."""
    try:
        with path.open("rb") as file:
            first = file.readline(512).decode(errors="replace")
    except OSError:
        return ""
    words = first.removeprefix("#!").split() if first.startswith("#!") else []
    if words and Path(words[0]).name == "env":
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    return words[0] if words else ""
