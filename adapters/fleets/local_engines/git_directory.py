"""What a git directory obeys, written afresh: an agent, or a git that was killed, may have left anything in it.

git runs programs for what stands in its settings and hooks, and looks elsewhere for what some files name. All of that
is taken away, and the factory's own settings are written, before each call in a directory that an agent can write.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
from pathlib import Path

from .git import GitFailed

_OBEYED = (
    *("config", "config.worktree", "hooks", "commondir", "gitdir", "shallow"),
    *("info/attributes", "info/grafts", "objects/info/alternates", "objects/info/http-alternates"),
)
_WALKED = ("info", "logs", "objects", "refs")


def restore(directory: Path, *, bare: bool, borrows: Path | None = None) -> None:
    """Leave the commits, refs and index, and nothing that git would obey. `borrows`: objects that are used from there.

    What is neither a file nor a directory goes, and so do the locks and the empty files of a git that was killed: hold
    the repository's lock. Raises GitFailed when it is no directory of its own, OSError for what cannot be written.
    """
    if not stat.S_ISDIR(_mode(directory)):
        raise GitFailed(f"{directory} is not a git directory any more")
    _permit(directory)
    _clean(directory)
    for name in _WALKED:
        for parent, _, _ in os.walk(directory / name):
            _clean(Path(parent))
    for name in _OBEYED:
        remove_tree(directory / name)
    if borrows:
        (directory / "objects/info").mkdir(parents=True, exist_ok=True)
        (directory / "objects/info/alternates").write_text(f"{borrows}\n")
    (directory / "config").write_text(_settings(bare=bare))


def remove_tree(path: Path) -> None:
    """Remove it wholly, with read-only directories in it; nothing when it is not there. Raises OSError."""
    if not stat.S_ISDIR(_mode(path)):
        path.unlink(missing_ok=True)
        return
    try:
        shutil.rmtree(path)
    except PermissionError:
        path.chmod(0o700)
        for parent, names, _ in os.walk(path):
            for directory in (Path(parent, name) for name in names):
                if not directory.is_symlink():
                    directory.chmod(0o700)
        shutil.rmtree(path)


def _clean(directory: Path) -> None:
    """Without what lies deeper; afterwards that can be read, too. A ref, an index or a loose object is never empty."""
    kept_empty = directory.name in ("info", "pack")
    for entry in os.scandir(directory):
        about = entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(about.st_mode):
            _permit(Path(entry.path))
        elif not stat.S_ISREG(about.st_mode) or entry.name.endswith(".lock") or not (about.st_size or kept_empty):
            Path(entry.path).unlink()


def _permit(directory: Path) -> None:
    mode = stat.S_IMODE(_mode(directory))
    if mode & 0o700 != 0o700:
        directory.chmod(mode | 0o700)


def _mode(path: Path) -> int:
    """0 when there is nothing."""
    try:
        return path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0


def _settings(*, bare: bool) -> str:
    settings = {"repositoryformatversion": "0", "filemode": "true", "bare": str(bare).lower()}
    if not bare:
        settings["logallrefupdates"] = "true"
    if sys.platform == "darwin":
        settings |= {"ignorecase": "true", "precomposeunicode": "true"}
    return "[core]\n" + "".join(f"\t{name} = {value}\n" for name, value in settings.items())
