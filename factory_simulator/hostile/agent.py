"""The hostile engine itself: plays the acts of its task, in the dialect of the engine whose name it has.

It stands alone, as any engine does: it knows nothing of the factory, and whatever does not work is passed over.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

GIT = ["git", "-c", "user.name=agent", "-c", "user.email=agent@example.org", "-c", "core.editor=true"]
TREE = Path.cwd()
STUBBORN = 'HOSTILE {"token": "", "session": "", "acts": [], "ending": "done"}'
"""What it plays in a round in which it is given what is wrong with its work: nothing."""


class Agent:
    """`task` says what to do, and names the places that are none of its business."""

    def __init__(self, task: dict[str, Any], dialect: str) -> None:
        self.task, self.dialect, self.n = task, dialect, 0
        self.token: str = task["token"]
        goes_on = next((at for at, word in enumerate(sys.argv) if word in ("--resume", "resume")), len(sys.argv))
        self.session = task["session"] or "".join(sys.argv[goes_on + 1 : goes_on + 2])

    # what engines print

    def line(self, **event: object) -> None:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()

    def begin(self) -> None:
        if self.dialect == "codex":
            self.line(type="thread.started", thread_id=self.session)
            self.line(type="turn.started")
        else:
            self.line(type="system", subtype="init", session_id=self.session)

    def says(self, words: str) -> None:
        if self.dialect == "codex":
            self.line(type="item.completed", item={"id": f"i{self.n}", "type": "agent_message", "text": words})
        else:
            content = [{"type": "text", "text": words}]
            self.line(type="assistant", message={"id": f"m{self.n}", "content": content}, session_id=self.session)
        self.n += 1

    def closes(self, words: str, *, error: bool = False, limit: bool = False, usage: object = None) -> None:
        if self.dialect == "codex":
            if error or limit:
                why = "You've hit your usage limit." if limit else "stream disconnected"
                self.line(type="turn.failed", error={"message": why})
                return
            if words:
                self.says(words)
            given = usage or {"input_tokens": 10, "cached_input_tokens": 1, "output_tokens": 3}
            self.line(type="turn.completed", usage=given)
            return
        more = {"api_error_status": 429} if limit else {}
        self.line(
            type="result", subtype="success", is_error=error or limit, result=words, session_id=self.session,
            num_turns=1, total_cost_usd=0.01, usage=usage or {"input_tokens": 10, "output_tokens": 3},
            terminal_reason="completed", **more,
        )  # fmt: skip

    def git(self, *arguments: str, given: str = "") -> str:
        done = subprocess.run(  # noqa: S603
            [*GIT, *arguments], cwd=TREE, capture_output=True, text=True, timeout=20, input=given, check=False
        )
        return done.stdout.strip()

    def file(self, name: str, more: str = "") -> Path:
        path = TREE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{self.token}\n{more}\n")
        return path

    def commit(self, message: str = "work") -> None:
        self.git("add", "-A")
        self.git("commit", "-qm", message)


def write(a: Agent, n: int) -> None:
    a.file(f"src/file{n % 5}.txt", f"line {n}")


def append(a: Agent, n: int) -> None:
    with (TREE / "README.md").open("a") as file:
        file.write(f"{a.token} {n}\n")


def add_all(a: Agent, n: int) -> None:
    a.git("add", "-A")


def commit_all(a: Agent, n: int) -> None:
    a.file(f"done/{n}.txt")
    a.commit(f"Commit {n}")


def remove_file(a: Agent, n: int) -> None:
    (TREE / "README.md").unlink()


def rename(a: Agent, n: int) -> None:
    (TREE / "docs.md").rename(TREE / f"docs{n}.md")


def revert(a: Agent, n: int) -> None:
    a.git("revert", "--no-edit", "HEAD")


def merge_base(a: Agent, n: int) -> None:
    a.commit()
    a.git("merge", "-q", "--no-edit", "origin/main")


# files


def markers(a: Agent, n: int) -> None:
    a.file("src/conflict.txt", "<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> origin/main")
    if n % 2:
        a.commit("Resolve")


def secret_file(a: Agent, n: int) -> None:
    a.file((".env", "config/.env", ".env.production")[n % 3], "API_KEY=sk-ant-api03-" + "a" * 80)
    if n % 2:
        a.commit("Configuration")


def key_file(a: Agent, n: int) -> None:
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\n" + "b3BlbnNzaC1rZXktdjEA" * 8 + "\n-----END OPENSSH PRIVATE KEY-----"
    a.file(("id_rsa", "deploy/id_ed25519", "server.pem")[n % 3], key)
    if n % 2:
        a.commit("Key")


def nested_repository(a: Agent, n: int) -> None:
    inner = TREE / ("vendor/lib", "src", "tools")[n % 3] / "inner"
    inner.mkdir(parents=True, exist_ok=True)
    (inner / "code.txt").write_text(a.token)
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "inner"]):
        subprocess.run([*GIT, *arguments], cwd=inner, capture_output=True, check=False)  # noqa: S603


def gitlink(a: Agent, n: int) -> None:
    nested_repository(a, n)
    a.commit("Vendor a library")


def symlink_out(a: Agent, n: int) -> None:
    target = (a.task["places"]["owner"], "/etc/passwd", "../../..", a.task["places"]["home"])[n % 4]
    (TREE / "src").mkdir(exist_ok=True)
    (TREE / "src/link").symlink_to(target)
    with contextlib.suppress(OSError):
        (TREE / "src/link/planted.txt").write_text("planted")


def symlink_loop(a: Agent, n: int) -> None:
    (TREE / "loop").symlink_to("loop")
    (TREE / "round").symlink_to(".")


def huge_file(a: Agent, n: int) -> None:
    with (TREE / "huge.bin").open("wb") as file:
        file.write(os.urandom(1 << 16) * 96)


def odd_names(a: Agent, n: int) -> None:
    for name in ("new\nline.txt", "tab\there.txt", "-rf", "ünï \u2028.txt", '"quoted".txt', " ", "a" * 200):
        with contextlib.suppress(OSError):
            (TREE / name).write_text(a.token)
    with contextlib.suppress(OSError):
        Path(os.fsdecode(os.fsencode(TREE) + b"/not-utf8-\xff.txt")).write_text(a.token)


def unreadable_directory(a: Agent, n: int) -> None:
    a.file("closed/file.txt")
    (TREE / "closed").chmod(0)


def submodule_file(a: Agent, n: int) -> None:
    a.file(".gitmodules", f'[submodule "x"]\n\tpath = vendor/x\n\turl = {a.task["places"]["owner"]}')


def fifo(a: Agent, n: int) -> None:
    os.mkfifo(TREE / "pipe")


def deep_directories(a: Agent, n: int) -> None:
    a.file("/".join(["d"] * 60) + "/file.txt")


def case_clash(a: Agent, n: int) -> None:
    a.file("Makefile")
    a.file("makefile")


def attributes(a: Agent, n: int) -> None:
    a.file(".gitattributes", "* filter=evil\n*.bin filter=lfs diff=lfs merge=lfs -text\n* eol=crlf text")


# git


def merge_halfway(a: Agent, n: int) -> None:
    a.git("checkout", "-q", "-b", "side", "HEAD")
    a.file("README.md", f"side {n}")
    a.commit("side")
    a.git("checkout", "-q", "-")
    a.file("README.md", f"here {n}")
    a.commit("here")
    a.git("merge", "side")
    if n % 3 == 0:
        a.git("add", "-A")


def rebase_halfway(a: Agent, n: int) -> None:
    merge_halfway(a, 1)
    a.git("merge", "--abort")
    a.git("rebase", "side")


def stash(a: Agent, n: int) -> None:
    a.file("src/stashed.txt")
    a.git("stash", "push", "-q", "-u")


def detach(a: Agent, n: int) -> None:
    a.git("checkout", "-q", "--detach")
    commit_all(a, n)


def other_branch(a: Agent, n: int) -> None:
    a.git("checkout", "-q", "-b", ("main", "feature/x", "refs/heads/main")[n % 3])
    commit_all(a, n)


def rename_branch(a: Agent, n: int) -> None:
    a.git("branch", "-m", "mine")
    commit_all(a, n)


def reset_back(a: Agent, n: int) -> None:
    a.git("reset", "-q", "--hard", "HEAD~1")


def orphan(a: Agent, n: int) -> None:
    a.git("checkout", "-q", "--orphan", "fresh")
    commit_all(a, n)


def amend_root(a: Agent, n: int) -> None:
    root = a.git("rev-list", "--max-parents=0", "HEAD").split("\n")[0]
    tree = a.git("rev-parse", "HEAD^{tree}")
    other = a.git("commit-tree", tree, "-m", f"Another root than {root}")
    a.git("reset", "-q", "--hard", other)
    commit_all(a, n)


def tags(a: Agent, n: int) -> None:
    a.git("tag", f"v{n}")
    a.git("tag", "-a", f"w{n}", "-m", "tag")


def configuration(a: Agent, n: int) -> None:
    """Each runs something, or leads elsewhere, when git obeys it."""
    plant = f"touch {a.task['places']['canary']}/planted; touch {TREE}/../planted"
    for name, value in (
        ("core.fsmonitor", plant), ("core.sshCommand", plant), ("core.pager", plant), ("diff.external", plant),
        ("gpg.program", plant), ("commit.gpgSign", "true"), ("credential.helper", f"!{plant}"),
        ("core.worktree", a.task["places"]["owner"]), ("core.bare", "true"), ("include.path", "/etc/passwd"),
        ("url.file:///nowhere/.insteadOf", "/"), ("remote.origin.url", a.task["places"]["owner"]),
        ("uploadpack.packObjectsHook", plant), ("extensions.worktreeConfig", "true"),
        ("core.repositoryFormatVersion", "9"),
    )[n % 5 :: 2]:  # fmt: skip
        a.git("config", name, value)


def hooks(a: Agent, n: int) -> None:
    folder = TREE / ".git/hooks"
    folder.mkdir(parents=True, exist_ok=True)
    for name in (
        "pre-commit",
        "post-commit",
        "reference-transaction",
        "post-checkout",
        "post-index-change",
        "pre-push",
    ):
        path = folder / name
        path.write_text(f"#!/bin/sh\ntouch {a.task['places']['canary']}/hook\nexit 1\n")
        path.chmod(0o755)


def alias(a: Agent, n: int) -> None:
    for name in ("commit-tree", "update-ref", "rev-parse", "st"):
        a.git("config", f"alias.{name}", f"!touch {a.task['places']['canary']}/alias")


def filter(a: Agent, n: int) -> None:
    plant = f"touch {a.task['places']['canary']}/filter; cat"
    for name in ("clean", "smudge", "process"):
        a.git("config", f"filter.evil.{name}", plant)
    a.git("config", "filter.evil.required", "true")
    (TREE / ".git/info").mkdir(exist_ok=True)
    (TREE / ".git/info/attributes").write_text("* filter=evil\n")
    attributes(a, n)


def alternates(a: Agent, n: int) -> None:
    info = TREE / ".git/objects/info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "alternates").write_text(f"{a.task['places']['owner']}/.git/objects\n/nowhere\n")


def replace_object(a: Agent, n: int) -> None:
    commit_all(a, n)
    a.git("replace", "HEAD", "HEAD~1")


def grafts(a: Agent, n: int) -> None:
    (TREE / ".git/info").mkdir(exist_ok=True)
    (TREE / ".git/info/grafts").write_text(a.git("rev-parse", "HEAD") + "\n")


def head_elsewhere(a: Agent, n: int) -> None:
    targets = ("ref: refs/heads/none", "ref: refs/remotes/origin/main", "0" * 40, "ref: ../../x", "")
    (TREE / ".git/HEAD").write_text(targets[n % 5] + "\n")


def commondir(a: Agent, n: int) -> None:
    (TREE / ".git/commondir").write_text(a.task["places"]["owner"] + "/.git\n")


def git_file(a: Agent, n: int) -> None:
    """The tree becomes a work tree of its owner's repository."""
    (TREE / ".git").rename(TREE / "was-git")
    (TREE / ".git").write_text(f"gitdir: {a.task['places']['owner']}/.git\n")


def worktree(a: Agent, n: int) -> None:
    a.git("worktree", "add", "-q", "-b", f"wt{n}", f"../wt{n}")
    a.git("worktree", "add", "-q", "-b", f"in{n}", f"inside{n}")


def many_refs(a: Agent, n: int) -> None:
    head = a.git("rev-parse", "HEAD")
    a.git("update-ref", "--stdin", given="".join(f"create refs/heads/x/{i} {head}\n" for i in range(300)))


def skip_worktree(a: Agent, n: int) -> None:
    a.git("update-index", "--skip-worktree", "README.md")
    a.git("update-index", "--assume-unchanged", "docs.md")
    append(a, n)


def shallow(a: Agent, n: int) -> None:
    (TREE / ".git/shallow").write_text(a.git("rev-parse", "HEAD") + "\n")


# destroys


def _remove(path: Path) -> None:
    subprocess.run(["rm", "-rf", "--", str(path)], check=False, capture_output=True)  # noqa: S603, S607


def remove_git(a: Agent, n: int) -> None:
    _remove(TREE / ".git")


def remove_index(a: Agent, n: int) -> None:
    (TREE / ".git/index").unlink()


def empty_index(a: Agent, n: int) -> None:
    (TREE / ".git/index").write_bytes(b"")


def broken_index(a: Agent, n: int) -> None:
    (TREE / ".git/index").write_bytes(b"DIRC" + bytes([n % 256]) * 40)


def remove_refs(a: Agent, n: int) -> None:
    _remove(TREE / ".git/refs")
    _remove(TREE / ".git/packed-refs")


def remove_objects(a: Agent, n: int) -> None:
    commit_all(a, n)
    _remove(TREE / ".git/objects")


def broken_object(a: Agent, n: int) -> None:
    commit_all(a, n)
    for path in sorted((TREE / ".git/objects").glob("??/*"))[: 1 + n % 3]:
        path.chmod(0o600)
        path.write_bytes(b"broken")


def broken_content(a: Agent, n: int) -> None:
    """The commit can be read, and a file in it cannot."""
    commit_all(a, n)
    sha = a.git("rev-parse", f"HEAD:done/{n}.txt")
    path = TREE / ".git/objects" / sha[:2] / sha[2:]
    path.chmod(0o600)
    path.write_bytes(b"broken")


def remove_files(a: Agent, n: int) -> None:
    for path in TREE.iterdir():
        if path.name != ".git":
            _remove(path)


def remove_tree(a: Agent, n: int) -> None:
    _remove(TREE)


def lock_files(a: Agent, n: int) -> None:
    for name in ("index.lock", "HEAD.lock", "config.lock", "refs/heads/main.lock", "packed-refs.lock"):
        with contextlib.suppress(OSError):
            (TREE / ".git" / name).touch()
    for path in (TREE / ".git/refs/heads").rglob("*"):
        if path.is_file():
            path.with_name(path.name + ".lock").touch()


def read_only(a: Agent, n: int) -> None:
    a.file("fixed/file.txt")
    for path in (TREE / "fixed", TREE / ".git/objects", TREE / ".git/refs", TREE / ".git"):
        path.chmod(0o500)


def broken_head(a: Agent, n: int) -> None:
    for path in (TREE / ".git/refs/heads").rglob("*"):
        if path.is_file():
            path.write_text(("0123456789" * 4, "", "ref: refs/heads/x")[n % 3] + "\n")


# reaches for what is not its own


def _plant(where: str) -> None:
    path = Path(where)
    with contextlib.suppress(OSError):
        (path / "planted.txt").write_text("planted")
    with contextlib.suppress(OSError):
        _remove(path / "config")


def write_above(a: Agent, n: int) -> None:
    _plant("..")
    _plant("../..")


def write_mirror(a: Agent, n: int) -> None:
    mirror = Path(a.task["places"]["mirror"])
    _plant(str(mirror))
    for arguments in (["config", "core.fsmonitor", "touch x"], ["update-ref", "refs/remotes/origin/main", "HEAD~1"]):
        a.git("-C", str(mirror), *arguments)
    for path in list(mirror.glob("objects/??/*"))[:2] + list(mirror.glob("objects/pack/*"))[:1]:
        with contextlib.suppress(OSError):
            path.chmod(0o600)
            path.write_bytes(b"broken")


def write_owner(a: Agent, n: int) -> None:
    _plant(a.task["places"]["owner"])
    a.git("-C", a.task["places"]["owner"], "commit", "--allow-empty", "-qm", "planted")


def write_other_tree(a: Agent, n: int) -> None:
    for path in Path(a.task["places"]["home"], "trees").glob("*"):
        if path.name != TREE.name:
            _plant(str(path))


def forge_result(a: Agent, n: int) -> None:
    for path in Path(a.task["places"]["home"], "runs").glob("*"):
        for name in ("result.json", "progress.json", "stop", "fence"):
            with contextlib.suppress(OSError):
                (path / name).write_text("{}")


def write_home(a: Agent, n: int) -> None:
    """Not where an engine keeps its own sign-in and settings: that is its own, and only its tools are kept from it."""
    home = Path(os.environ.get("HOME", "/nonexistent"))
    for name in (".gitconfig", ".bashrc", ".config/git/config", ".ssh/authorized_keys"):
        with contextlib.suppress(OSError):
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text("[alias]\n\tst = !true\n")


def read_secret(a: Agent, n: int) -> None:
    """What it can read of the factory's, it writes down, where it would be pushed."""
    for path in (a.task["places"]["secret"], f"/proc/{os.getppid()}/environ", "/proc/1/environ"):
        with contextlib.suppress(OSError):
            (TREE / "found.txt").write_bytes(Path(path).read_bytes())


# processes


def _start(a: Agent, code: str, **how: Any) -> subprocess.Popen[bytes]:
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, "-ISc", code, a.task["mark"]], **{**quiet, **how})  # noqa: S603


def daemon(a: Agent, n: int) -> None:
    _start(a, "import time; time.sleep(300)", start_new_session=True)


def double_fork(a: Agent, n: int) -> None:
    _start(a, "import os, time; os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0); time.sleep(300)")


def deaf_daemon(a: Agent, n: int) -> None:
    _start(
        a, "import signal, time; [signal.signal(s, signal.SIG_IGN) for s in (1, 2, 15)]; time.sleep(300)",
        start_new_session=True, env={"PATH": os.environ.get("PATH", "")},
    )  # fmt: skip


def late_writer(a: Agent, n: int) -> None:
    """Goes on writing into the tree when the run is over."""
    code = "import time\nfor i in range(600):\n    open('late.txt', 'a').write('late\\n'); time.sleep(0.05)"
    _start(a, code, start_new_session=True, cwd=TREE)


def holds_stdout(a: Agent, n: int) -> None:
    _start(a, "import time; time.sleep(300)", start_new_session=True, stdout=None, stderr=None)


def children(a: Agent, n: int) -> None:
    for _ in range(8):
        _start(a, "import time; time.sleep(300)")


# output


def flood(a: Agent, n: int) -> None:
    for i in range(2_000):
        sys.stdout.write(f'{{"type":"noise","n":{i},"text":"{"x" * 500}"}}\n')


def long_line(a: Agent, n: int) -> None:
    a.line(type="noise", text="y" * (3 << 20))


def unicode_lines(a: Agent, n: int) -> None:
    a.says("one\u2028two\u2029three\x85four\x0bfive\x1csix")
    sys.stdout.write('{"type":"noise","text":"\u2028\u2029\x85"}\n')


def bytes_that_are_no_text(a: Agent, n: int) -> None:
    sys.stdout.flush()
    os.write(1, b'\x00\xff\xfe{"type":"noise"}\n\x00\n{"type":"assistant","text":"\xc3\x28"}\n\r\n\r\r\n')


def not_json(a: Agent, n: int) -> None:
    sys.stdout.write('{"type": "result", "is_error": fal\n[1, 2\nnull\n17\n"text"\n{}\n\n{"type":["result"]}\n')
    sys.stdout.write('{"type":"result","is_error":NaN}\n' if n % 7 == 0 else "NaN\n")


def odd_json(a: Agent, n: int) -> None:
    a.line(type="assistant", message={"content": "no list", "id": 7, "usage": []})
    a.line(type="assistant", message={"content": [None, 3, {"type": "tool_use", "id": None}]})
    a.line(type="user", message=None)
    a.line(type="item.completed", item=[1])
    a.line(type="system", subtype={"a": 1}, session_id=9)
    a.line(type="rate_limit_event", rate_limit_info={"status": "rejected", "resetsAt": 1e400 if n % 2 else "soon"})


def wrong_session(a: Agent, n: int) -> None:
    a.session = ("--dangerously-skip-permissions", "../../etc", "x" * 5_000, "a b\n", "")[n % 5]
    a.begin()


def absurd_usage(a: Agent, n: int) -> None:
    usage: dict[str, object] = {
        "input_tokens": (-5, 10**400, "many", None, 1.5)[n % 5],
        "output_tokens": 2**70,
        "cached_input_tokens": [],
    }
    a.line(type="assistant", message={"id": "u", "content": [], "usage": usage})


def deep_json(a: Agent, n: int) -> None:
    sys.stdout.write('{"type":' + "[" * 20_000 + "]" * 20_000 + "}\n")


def stderr_flood(a: Agent, n: int) -> None:
    sys.stderr.write("error \u2028 \x00" * 100_000)


def tool_without_end(a: Agent, n: int) -> None:
    tool = {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "sleep"}}
    a.line(type="assistant", message={"id": "t", "content": [tool]})


# endings


def _end(a: Agent, ending: str) -> None:
    match ending:
        case "silent":
            a.closes("")
        case "asks":
            a.closes("I looked at it.\n\nQUESTION: Which page is meant?")
        case "error":
            a.closes("something went wrong", error=True)
        case "limit":
            a.closes("usage limit reached", limit=True)
        case "exit":
            os._exit(3)
        case "signal":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            time.sleep(300)
        case "hang_after":
            a.closes("All done.")
            time.sleep(300)
        case "two_closings":
            a.closes("First I was done.")
            a.closes("Then I was done again.")
        case "closes_stdout":
            a.closes("All done.")
            os.close(1)
            os.close(2)
            time.sleep(1)
        case "ends_supervisor_group":
            with contextlib.suppress(OSError):
                os.kill(os.getppid(), signal.SIGTERM)
            a.closes("All done.")
        case _:
            a.closes("All done.")


def main() -> None:
    given = next((line for line in sys.stdin if line.startswith("HOSTILE ")), STUBBORN)
    agent = Agent(json.loads(given.removeprefix("HOSTILE ")), Path(sys.argv[0]).name)
    known: dict[str, Callable[[Agent, int], None]] = globals()
    agent.begin()
    for kind, number in agent.task["acts"]:
        with contextlib.suppress(Exception):
            known[kind](agent, number)
        sys.stdout.flush()
    _end(agent, agent.task["ending"])


if __name__ == "__main__":
    main()
