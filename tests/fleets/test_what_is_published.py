"""What keeps an agent's work from being published, and what of its tree is published: real git, real runs."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest
from fleet_stand import DONE, code_host, commit_to, fleet, git, order, program, until

from adapters.fleets.local_engines.claude import Claude
from adapters.fleets.local_engines.conflict_markers import conflict_markers
from adapters.fleets.local_engines.proposal import matches
from adapters.fleets.local_engines.secrets_in_files import is_secret_name
from adapters.logs.redaction import shaped_like_secrets
from adapters.registry import config_model
from factory_core.config import Publish, read_config
from factory_core.errors import ConfigProblem
from factory_core.runs.run import PublishRules, RunReport, RunStatus

BRANCH = "factory/ACME-142-rename"
PRELUDE = """
def sh(text):
    done = subprocess.run(text, shell=True, capture_output=True, text=True)
    return done.stdout + done.stderr
def put(path, text="x\\n"):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w") as file: file.write(text)
def commit(path, text="x\\n"):
    put(path, text)
    sh(f"git add -A -f -- {path} && git commit -qm work")
"""
TOKEN = "ghp_" + "a1B2" * 10


def host_with(folder: Path, files: dict[str, str]) -> Path:
    bare = code_host(folder)
    for name, text in files.items():
        (folder / "first" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "first" / name).write_text(text)
    commit_to(bare, folder / "first", "main", "more")
    return bare


def run(tmp_path: Path, bare: Path, body: str, **changes: Any) -> tuple[RunReport, list[str]]:
    """One run of an engine that does `body`, published if it may be: the report, and the files on the branch."""
    binary = program(tmp_path / "bin/claude", f"{PRELUDE}{body}\n{DONE}")

    async def play() -> RunReport:
        made, reports = fleet(tmp_path / "home", engines={"claude": Claude(binary=str(binary))})
        await made.start(order(bare, engine="claude", fix_rounds=0, **changes))
        await until(lambda: reports)
        if reports[0].status is RunStatus.SUCCEEDED:
            await made.publish(reports[0].run_id)
        await made.close()
        return reports[0]

    report = asyncio.run(play())
    there = git(bare, "branch", "--list", BRANCH)
    return report, git(bare, "ls-tree", "-r", "--name-only", BRANCH).splitlines() if there else []


MERGING = """
sh("git checkout -qb other; echo theirs > f.txt; git commit -qam theirs; git checkout -q -; echo ours > f.txt")
sh("git commit -qam ours")
"""
REFUSED = {
    "a merge with its conflicts": (MERGING + "sh('git merge other')", "a merge unfinished, with conflicts in `f.txt`"),
    "a merge that only wants its commit": ("sh('git checkout -qb o; git commit -q --allow-empty -m o')\n"
     "sh('git checkout -q -; git merge --no-ff --no-commit o')", "a merge unfinished"),
    "a rebase": (MERGING + "sh('git rebase other')", "a rebase unfinished, with conflicts in `f.txt`"),
    "a cherry-pick": (MERGING + "sh('git cherry-pick other')", "a cherry-pick unfinished"),
    "a revert": (MERGING + "sh('git revert HEAD~1 --no-edit; git revert --no-commit HEAD')", "a revert unfinished"),
    "a bisect": ("sh('git bisect start')\ncommit('a.txt')", "a bisect unfinished"),
    "some of several cherry-picks": ("sh('git checkout -qb other')\nfor n in '123': commit(n), commit('f.txt', n)\n"
     "sh('git checkout -q -')\ncommit('f.txt', 'ours')\n"
     "sh('git cherry-pick other~4 other~2 other')\n"
     "sh('git checkout --ours f.txt; git commit -qam two')", "a cherry-pick or a revert unfinished"),
    "a stash that conflicts": ("sh('echo a > f.txt; git stash; echo b > f.txt; git commit -qam b; git stash pop')",
     "conflicts in `f.txt`"),
    "conflict marks that were committed": (MERGING + "sh('git merge other; git commit -qam merged')",
     "Marks of a conflict stand in `f.txt`"),
    "conflict marks of three ways": (MERGING + "sh('git -c merge.conflictStyle=diff3 merge other; git commit -qam x')",
     "Marks of a conflict stand in `f.txt`"),
    "half of the marks": ("commit('f.txt', 'ours\\n=======\\ntheirs\\n>>>>>>> other\\n')", "Marks of a conflict"),
    "another branch": ("sh('git checkout -qb mine')\ncommit('a.txt')", f"not on the branch `{BRANCH}`"),
    "no branch": ("sh('git checkout -q --detach')\ncommit('a.txt')", f"not on the branch `{BRANCH}`"),
    "another history": ("sh('git checkout -q --orphan new; git commit -qm new; git branch -M factory/ACME-142-rename')",
     "does not go on from `origin/main`"),
    "the history of another repository": ("sh('git init -q ../o; cd ../o; echo 1 > z; git add z; git commit -qm z')\n"
     "sh('git fetch -q ../o HEAD; git merge -q --allow-unrelated-histories -m both FETCH_HEAD')",
     "does not go on from `origin/main` alone"),
    "a repository as a link": ("sh('git init -q in; cd in; echo 1 > z; git add z; git commit -qm z; cd ..')\n"
     "sh('git add in; git commit -qm in')", "`in`"),
    "a link out of the tree": ("os.symlink('../../secret', 'x'); sh('git add x; git commit -qm x')",
     "out of the tree: `x`"),
    "a link to an absolute path": ("os.symlink('/etc/passwd', 'x')", "out of the tree: `x`"),
    "a link out of the tree by way of another link": ("put('d/a.txt'); os.symlink('..', 'd/up')\n"
     "os.symlink('d/up/../x', 'x'); sh('git add -A; git commit -qm x')", "out of the tree: `x`"),
    "a file that cannot be read": ("put('f.txt', 'new'); os.chmod('f.txt', 0)",
     "git cannot add what you changed: error: open"),
    "a file in another encoding than its attribute": ("put('.gitattributes', '*.txt working-tree-encoding=UTF-16\\n')\n"
     "put('n.txt'); sh('git add .gitattributes; git commit -qm a'); put('f.txt', 'new')",
     "git cannot add what you changed"),
    "a secret file": ("commit('.env', 'A=1\\n')", "for secrets: `.env`"),
    "a secret file that was removed later": ("commit('app/.env.production', 'A=1\\n')\n"
     "sh('git rm -qf app/.env.production; git commit -qm gone')\ncommit('a.txt')",
     "for secrets: `app/.env.production`"),
    "a token": (f"commit('a.py', 'token = \"{TOKEN}\"')", "looks like a secret stands in `a.py:1`"),
    "a token in UTF-16": (f"open('a', 'wb').write('{TOKEN}'.encode('utf-16')); sh('git add a; git commit -qm a')",
     "looks like a secret stands in `a:1`"),
    "a token as a file's name": (f"commit('d/{TOKEN}', 'x')", "stands in the name of a file"),
    "a token in a message": (f"put('a.txt'); sh('git add a.txt; git commit -qm {TOKEN}')",
     "in the message of a commit"),
    "a secret behind another file of its name": (f"commit('a.py', 'token = \"{TOKEN}\"')\nput('b.py', 'x')\n"
     "sh('git replace $(git rev-parse HEAD:a.py) $(git hash-object -w b.py); rm b.py')", "a secret stands in `a.py:1`"),
    "a large file": ("commit('dump', 'x' * 11_000_000)", "larger than 10 MB: `dump`"),
    "a large file that was removed later": ("commit('dump', 'x' * 11_000_000)\n"
     "sh('git rm -q dump; git commit -qm gone')\ncommit('a.txt')", "larger than 10 MB: `dump`"),
    "the bytes of a large file's pointer": ("put('m.bin', 'real')", "Git LFS (git-lfs) stores these files"),
    "a bare repository": ("sh('git init -q --bare in; echo x > in/refs/x; echo x > in/objects/x; git add in -f')\n"
     "sh('git commit -qm in')", "published with it: `in/`"),
    "a file that is encrypted by a filter": ("put('vault.key', 'plain')", "The filter `git-crypt` is for these files"),
    "an author that is a token": (f"put('a.txt'); sh('git add a.txt; git commit -qm x --author \"{TOKEN} <a@b>\"')",
     "in the message of a commit"),
    "a name that is no text": ("commit('.env\\n`x`', 'A=1\\n')\ncommit('id_rsa', 'x')", "for secrets: `id_rsa`"),
}  # fmt: skip
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 5\n"
ATTRIBUTES = "*.bin filter=lfs diff=lfs merge=lfs -text\nvault.* filter=git-crypt\n"
BASE = {"f.txt": "base\n", ".gitattributes": ATTRIBUTES, "m.bin": POINTER}


@pytest.mark.parametrize(("body", "words"), REFUSED.values(), ids=REFUSED)
def test_this_is_not_published(tmp_path: Path, body: str, words: str) -> None:
    """Nothing reaches the code host, and the reason names what the agent, or a person, has to do."""
    report, files = run(tmp_path, host_with(tmp_path, BASE), body)
    assert (report.status, files) == (RunStatus.REJECTED, [])
    assert words in report.why


FINE = {
    "headings, quotes and shifts": "commit('a.md', 'Title\\n=======\\n\\n> > > x\\n>>>>>>>\\n<<<<<<< \\n1 << 2\\n')",
    "a merge that was resolved": MERGING + "sh('git merge other'); put('f.txt', 'both'); sh('git commit -qam merged')",
    "a rebase that is over": MERGING + "sh('git rebase other'); put('f.txt', 'both\\n')\n"
    "sh('git add -A; GIT_EDITOR=true git rebase --continue')",
    "a stash": "commit('a.txt'); put('f.txt', 'later'); sh('git stash')",
    "a link within the tree": "put('d/a.txt'); os.symlink('../f.txt', 'd/l'); sh('git add -A; git commit -qm l')",
    "an example of an environment": "commit('.env.example', 'TOKEN=\\n')",
    "a pointer that is moved": "sh('git mv m.bin n.bin; git commit -qm move')",
    "a token that stood there": "sh('git mv old.py new.py; echo more >> new.py; git commit -qam move')",
    "marks that stood there": "sh('echo more >> marks.txt; git commit -qam more')",
    "a setting that was tracked": "sh('echo B=2 >> .env.test; git commit -qam more')",
    "an edit that the index is told to pass over": "sh('git update-index --assume-unchanged f.txt'); put('f.txt', 'x')",
    "an edit that a sparse checkout would pass over": "sh('git update-index --skip-worktree f.txt'); put('f.txt', 'x')",
    "files with odd names": "commit('\"a b\\tü\"', 'x'); put('-n', 'x'); put(':(top)', 'x')\n"
    "sh('git add -A; git commit -qm odd')",
}


@pytest.mark.parametrize("body", FINE.values(), ids=FINE)
def test_this_is_published(tmp_path: Path, body: str) -> None:
    """What only looks wrong, and what was on the base before."""
    there = {"old.py": f"token = '{TOKEN}'\n", "marks.txt": "<<<<<<< a\n=======\n>>>>>>> b\n", ".env.test": "A=1\n"}
    report, files = run(tmp_path, host_with(tmp_path, BASE | there), body)
    assert (report.status, report.why) == (RunStatus.SUCCEEDED, "")
    assert files


NOTHING = {
    "an empty commit": "sh('git commit -q --allow-empty -m plan')",
    "a change and its revert": "commit('a.txt'); sh('git revert --no-edit HEAD')",
    "files that a sparse checkout leaves out": "sh('git sparse-checkout set --no-cone /nothing')",
    "a file that was touched": "os.utime('f.txt', (1, 1))",
    "leftovers of a tool": "put('node_modules/x/i.js'); put('__pycache__/a.pyc'); put('.env', 'A=1')",
    "the folder of a submodule that is not filled": "os.rmdir('lib')",
}


@pytest.mark.parametrize("body", NOTHING.values(), ids=NOTHING)
def test_this_is_no_change(tmp_path: Path, body: str) -> None:
    """No pull request of nothing."""
    lib, bare = code_host(tmp_path / "lib"), host_with(tmp_path, BASE)
    git(tmp_path / "first", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(lib), "lib")
    commit_to(bare, tmp_path / "first", "main", "lib")
    report, files = run(tmp_path, bare, body)
    assert (report.status, files) == (RunStatus.NO_CHANGE, [])


def test_a_follow_up_that_changes_nothing_more_is_no_change(tmp_path: Path) -> None:
    """Compared with what is published; a merge of the base is a change, though it brings nothing of its own."""
    bare = host_with(tmp_path, BASE)
    run(tmp_path, bare, "commit('a.txt')")
    again: dict[str, Any] = {"previous_run": "ACME-142:1"}
    report, _ = run(tmp_path, bare, "sh('git commit -q --allow-empty -m again')", run_id="ACME-142:2", **again)
    assert report.status is RunStatus.NO_CHANGE
    (tmp_path / "first/news.txt").write_text("x")
    commit_to(bare, tmp_path / "first", "main", "news")
    report, files = run(tmp_path, bare, "sh('git merge -q --no-edit origin/main')", run_id="ACME-142:3", **again)
    assert (report.status, "news.txt" in files) == (RunStatus.SUCCEEDED, True)


LEFT = "put('.env', 'A=1'); put('dump', 'x' * 11_000_000); put('node_modules/x/i.js'); put('new.txt')\n"
LEFT += "put('shots/a.png'); put('.gitignore', 'ignored/\\n'); put('ignored/report/a.html')\n"


@pytest.mark.parametrize(
    ("rules", "more", "files"),
    [
        ({}, "", {".gitignore", "new.txt", "shots/a.png"}),
        ({}, "commit('a.txt')", {"a.txt"}),
        ({}, "put('a.txt'); sh('git add a.txt')", {"a.txt"}),
        ({"untracked": "leave"}, "put('f.txt', 'edited')", {"f.txt"}),
        ({"untracked": "add"}, "commit('a.txt')", {".gitignore", "a.txt", "new.txt", "shots/a.png"}),
        ({"include": ("*.png", "ignored/report/**", "dump")}, "commit('a.txt')",
         {"a.txt", "shots/a.png", "ignored/report/a.html", "dump"}),
    ],
)  # fmt: skip
def test_untracked_files_are_published_by_rule(tmp_path: Path, rules: Any, more: str, files: set[str]) -> None:
    """An agent that leaves git alone has its new files added; one that commits or stages says itself what belongs."""
    bare = host_with(tmp_path, BASE)
    report, _ = run(tmp_path, bare, LEFT + more, publish=PublishRules(**rules))
    assert report.status is RunStatus.SUCCEEDED, report.why
    assert set(git(bare, "diff", "--name-only", f"main...{BRANCH}").splitlines()) == files
    assert "`.env`" in report.why, report and "`node_modules/`" in report.why


def test_a_change_of_a_submodule_is_published_only_by_configuration(tmp_path: Path) -> None:
    """And only of one that `.gitmodules` names; its folder is not filled."""
    lib, bare = code_host(tmp_path / "lib"), host_with(tmp_path, BASE)
    git(tmp_path / "first", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(lib), "lib")
    commit_to(bare, tmp_path / "first", "main", "lib")
    body = """
assert os.listdir("lib") == []
sh("cd lib; git init -q; git commit -q --allow-empty -m newer")
sh("git add lib; git commit -qm newer")
"""
    report, _ = run(tmp_path, bare, body)
    assert (report.status, "`lib`" in report.why) == (RunStatus.REJECTED, True)
    report, _ = run(tmp_path, bare, body, run_id="ACME-142:2", publish=PublishRules(submodules=True))
    assert report.status is RunStatus.SUCCEEDED, report.why


@pytest.mark.pure
def test_names_of_secret_files() -> None:
    """By their last part, in any case."""
    for name in (".env", "a/.env.local", ".ENV", "id_ed25519", "x/key.P12", ".netrc", "credentials.json", "a.pfx"):
        assert is_secret_name(name), name
    for name in (".env.example", ".env.sample", ".env.template", "env", "id_rsa.pub", "environment.ts", "my.env.md"):
        assert not is_secret_name(name), name


KEY = b"-----BEGIN RSA PRIVATE KEY-----\n" + base64.b64encode(b"k" * 48) + b"\n-----END RSA PRIVATE KEY-----\n"


@pytest.mark.pure
def test_contents_of_secret_files() -> None:
    """Tokens of well-known shapes and private keys; not the words about them."""
    joined = b"".join
    for text in (
        KEY, KEY.replace(b"\n", b"\\n"), joined((b"x=AK", b"IAABCDEFGHIJKLMNOP")),
        joined((b"sk", b"_live_", b"4e" * 12)),
        joined((b"xox", b"b-1234567890-abcdefghijkl")), joined((b"//r.example/:_auth", b"Token=abcdefgh1234")),
        joined((b"sk-", b"ant-api03-", b"aB" * 20)), joined((b"github", b"_pat_", b"1A" * 15)),
    ):  # fmt: skip
        assert shaped_like_secrets(text), text
    for text in (
        b"-----BEGIN PRIVATE KEY-----",
        b"ghp_short",
        b"_authToken=${TOKEN}",
        b"task-force-of-a-very-long-name" * 3,
    ):
        assert not shaped_like_secrets(text), text


@pytest.mark.pure
def test_marks_of_conflicts() -> None:
    """Two marks in their order, with a label; also with the line ends of another system."""
    assert conflict_markers(b"<<<<<<< HEAD\na\n||||||| base\nb\n=======\nc\n>>>>>>> x\n")
    assert conflict_markers(b"<<<<<<< HEAD\r\na\r\n=======\r\nc\r\n>>>>>>> x\r\n")
    assert not conflict_markers(b"Title\n=======\n\ntext\n\nOther\n=======\n")
    assert not conflict_markers(b" <<<<<<< HEAD\n=======\n >>>>>>> x\n")
    assert conflict_markers(b"<<<<<<<<<< of an attribute\na\n==========\nb\n>>>>>>>>>> x\n")
    assert not conflict_markers(b"Title\n========\n>>>>>>>> a letter, quoted eight times\n")
    assert not conflict_markers(b"<<<<<<<< eight\n=======\n>>>>>>>>> nine\n")


@pytest.mark.pure
def test_patterns() -> None:
    """One star stays in its folder, two cross; a pattern without a folder fits in any."""
    assert (
        matches("a/b/c.png", ("*.png",))
        and matches("report/x/y", ("report/**",))
        and matches("x/r.html", ("**/r.html",))
    )
    assert matches("r.html", ("**/r.html",)) and matches("a/b.txt", ("a/?.txt",))
    assert (
        not matches("a/b/c", ("a/*",))
        and not matches("a.pngx", ("*.png",))
        and not matches("xreport/y", ("report/**",))
    )


@pytest.mark.pure
def test_the_configuration_says_what_may_be_published() -> None:
    """With sizes that people write."""
    roles = {"intentProvider": "linear", "clarificationChannel": "slack", "outputTarget": "github"}
    given = {"untracked": "leave", "maxFileSize": "1.5MB", "include": ["report/**"], "submodules": True}
    config = read_config({**roles, "publish": given}, file="f", model=config_model())
    assert config.publish == Publish(
        untracked="leave", max_file_size=1_500_000, include=("report/**",), submodules=True
    )
    assert PublishRules(**Publish().model_dump()) == PublishRules()
    with pytest.raises(ConfigProblem, match=r"publish\.maxFileSize"):
        read_config({**roles, "publish": {"maxFileSize": "10 apples"}}, file="f", model=config_model())
