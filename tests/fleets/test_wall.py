"""The wall itself, and what happens where there is none."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from fleet_stand import DONE, code_host, fleet, living, order, program, run_all, until

from adapters.fleets.local_engines import wall_probe
from adapters.fleets.local_engines.claude import Claude
from adapters.fleets.local_engines.codex import Codex
from adapters.fleets.local_engines.console import Console
from adapters.fleets.local_engines.engine import Sandbox
from adapters.fleets.local_engines.installed import Installations
from adapters.fleets.local_engines.wall import Bubblewrap, Reach
from adapters.fleets.local_engines.wall_probe import NoWallHere, wall_for
from factory_core.runs.run import RunOrder, RunStatus

needs_bubblewrap = pytest.mark.skipif(not shutil.which("bwrap"), reason="bwrap")


def inside(script: str, reach: Reach, cwd: Path, wall: Bubblewrap | None = None) -> str:
    """What the shell script prints, errors included."""
    wall = wall or Bubblewrap(home=Path("/home/agent"))
    argv = wall.command(["sh", "-c", script], reach, cwd)
    done = subprocess.run(argv, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"}, timeout=120)
    return done.stdout + done.stderr


@needs_bubblewrap
def test_the_tree_is_written_and_hardly_anything_else_exists(tmp_path: Path) -> None:
    """At the top there are the system's programs and what a program expects; neither can be added to."""
    tree, objects = tmp_path / "tree", tmp_path / "objects"
    tree.mkdir()
    objects.mkdir()
    (tmp_path / "other").write_text("secret")
    reach = Reach(writable=(tree,), readable=(objects,))
    assert inside("echo made > made.txt; cat made.txt", reach, tree) == "made\n"
    assert (tree / "made.txt").read_text() == "made\n"
    assert "Read-only" in inside(f"touch {objects}/x", reach, tree)
    assert inside(f"ls {tmp_path}", reach, tree).split() == ["objects", "tree"]
    top = {"bin", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "nix", "proc", "sbin", "tmp", "usr", "var"}
    assert set(inside("ls /", reach, tree).split()) <= top
    assert "Read-only" in inside("touch /x", reach, tree) and "Read-only" in inside("touch /dev/x", reach, tree)
    assert inside("ls -A ~ /tmp/.[!.]* 2>/dev/null; ls /etc/shadow /etc/ssl/private", reach, tree).count("cannot") == 2


@needs_bubblewrap
def test_a_temporary_directory_is_full_before_the_memory_is(tmp_path: Path) -> None:
    wall = Bubblewrap(home=Path("/home/agent"), scratch=1 << 20)
    for directory in ("/tmp", "/var/tmp", "/dev/shm", "/home/agent"):
        said = inside(f"head -c 3000000 /dev/zero > {directory}/x", Reach(writable=(tmp_path,)), tmp_path, wall)
        assert "No space left" in said, directory


@needs_bubblewrap
def test_a_home_is_kept_as_long_as_its_directory(tmp_path: Path) -> None:
    """What a first command leaves there, the next one finds; another home is another one's."""
    tree, home = tmp_path / "tree", tmp_path / "kept"
    tree.mkdir()
    home.mkdir()
    wall = Bubblewrap(home=Path("/home/agent"))
    reach = Reach(writable=(tree,), home=home)
    inside("echo kept > /home/agent/.rc", reach, tree, wall)
    assert inside("cat /home/agent/.rc", reach, tree, wall) == "kept\n"
    assert "No such file" in inside("cat /home/agent/.rc", Reach(writable=(tree,)), tree, wall)


@needs_bubblewrap
def test_nothing_lives_on_when_who_started_it_is_killed(tmp_path: Path) -> None:
    """A daemon in a session of its own, without the run's mark, dies with bubblewrap's parent."""
    mark = f"{tmp_path}/left"
    child = f"{sys.executable} -c 'import time; time.sleep(300)' {mark}"
    wall = Bubblewrap(home=Path("/home/agent"), readable=Installations(os.environ).of_program(sys.executable))
    argv = wall.command(
        ["sh", "-c", f"setsid env -i {child} & touch begun; sleep 300"], Reach(writable=(tmp_path,)), tmp_path
    )
    starter = f"import subprocess; subprocess.Popen({argv!r}).wait()"

    with subprocess.Popen([sys.executable, "-c", starter]) as parent:
        asyncio.run(until(lambda: (tmp_path / "begun").exists() and len(living(mark)) > 2))
        parent.kill()
    asyncio.run(until(lambda: living(mark) == []))


def test_without_bubblewrap_no_engine_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fix is the command that installs it; the scripted engine needs none; with `wall: off` any engine starts."""
    (tmp_path / "path").mkdir()
    for name in ("git", "sh", "env"):
        (tmp_path / "path" / name).symlink_to(shutil.which(name) or "")
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    engines = {"claude": Claude(binary=str(program(tmp_path / "bin/claude", f"open('a', 'w')\n{DONE}")))}

    async def play(wall: str, engine: str) -> RunStatus:
        home = tmp_path / f"{wall}-{engine}"
        made, reports = fleet(home, wall=wall, **({"engines": engines} if engine == "claude" else {}))
        try:
            await made.start(order(code_host(home / "host"), engine=engine))
            await until(lambda: reports)
        except NoWallHere as problem:
            state = await made.wall([engine])
            assert state and (state.note, state.fix) == (problem.why, problem.fix)
            raise
        finally:
            await made.close()
        return reports[0].status

    with pytest.raises(NoWallHere) as raised:
        asyncio.run(play("required", "claude"))
    assert raised.value.why == "bubblewrap is not installed: no program bwrap on PATH"
    assert raised.value.fix.startswith("In your shell: sudo ") and raised.value.fix.endswith(" bubblewrap socat")
    assert asyncio.run(play("off", "claude")) is RunStatus.SUCCEEDED
    assert asyncio.run(play("required", "console")) is RunStatus.SUCCEEDED


def test_a_program_that_only_has_bubblewraps_name_is_no_wall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not count that it is installed: what a command reaches behind it does."""
    named_so = 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"'
    (tmp_path / "bwrap").write_text(f"#!/bin/sh\n{named_so}\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(NoWallHere) as raised:
        wall_for("required", {**os.environ, "HOME": str(tmp_path)}, (), own=False)
    assert "it reads " in raised.value.why and "it connects to 127.0.0.1" in raised.value.why
    assert raised.value.fix.startswith("In your shell: which -a bwrap")


class Other(Console):
    """An engine that knows of no wall, under a name that the factory knows."""

    def command(self, order: RunOrder, memory: Path) -> list[str]:
        done = json.dumps({"type": "done", "words": "Did it."})
        return ["sh", "-c", f"cat {memory.parents[1]}/secret > found.txt 2>&1; pwd >> found.txt; echo '{done}'"]


@needs_bubblewrap
def test_any_other_engine_runs_its_own_command_behind_the_wall(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "secret").write_text("secret")
    (report,) = run_all(home, order(code_host(tmp_path / "host")), engines={"console": Other()})
    assert report.status is RunStatus.SUCCEEDED, report.why
    said = (home / "trees/ACME-142/found.txt").read_text()
    assert "No such file" in said and said.endswith(f"{home / 'trees/ACME-142'}\n")


def test_what_an_engines_own_sandbox_needs_is_looked_for_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Claude Code's leads the network through socat: without it, each command of each run would fail."""
    there = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, **more: None if name == "socat" else there(name, **more) or "/x")
    with pytest.raises(NoWallHere) as raised:
        wall_for("required", {}, (), own=True, programs=Claude().programs)
    assert raised.value.why == "socat is not installed: no program socat on PATH"


SYSTEMS: Mapping[str, tuple[dict[str, str], str, str]] = {
    "Ubuntu": (
        {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1"}, "AppArmor", "sudo tee /etc/apparmor.d/bwrap",
    ),
    "hardened": (
        {"/proc/sys/kernel/unprivileged_userns_clone": "0"}, "kernel.unprivileged_userns_clone=0",
        "sudo sysctl -w kernel.unprivileged_userns_clone=1",
    ),
    "none allowed": (
        {"/proc/sys/user/max_user_namespaces": "0"}, "user.max_user_namespaces=0",
        "sudo sysctl -w user.max_user_namespaces=15000",
    ),
}  # fmt: skip


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_the_system_forbids_is_named_with_its_fix(
    system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """bubblewrap is there, and cannot make its namespaces."""
    settings, why, fix = SYSTEMS[system]
    refusing = tmp_path / "bwrap"
    refusing.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(wall_probe, "_setting", lambda path: settings.get(path, ""))
    with pytest.raises(NoWallHere) as raised:
        wall_for("required", {"PATH": "/usr/bin", "HOME": str(tmp_path)}, (), own=False)
    assert why in raised.value.why and fix in raised.value.fix


def test_a_container_in_which_secrets_can_be_read_is_no_wall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same user, and so no secret is kept from it: a program that is there proves nothing."""
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    monkeypatch.setattr(wall_probe, "OUTSIDE", ())
    with pytest.raises(NoWallHere, match="holes") as raised:
        wall_for("container", {"HOME": str(tmp_path)}, (), own=False)
    assert "it reads " in raised.value.why


def test_on_macos_an_engine_that_has_a_sandbox_of_its_own_starts_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert wall_for("required", {}, (), own=True).name == "own"
    with pytest.raises(NoWallHere, match="no wall"):
        wall_for("required", {}, (), own=False)


def test_the_commands_of_the_engines_wall_in_their_own_tools(tmp_path: Path) -> None:
    """With a session and without: nothing of the tree's settings, none of the sign-in, the run's proxy alone."""
    sandbox = Sandbox(
        home=Path("/home/ada"), sign_in=(tmp_path,), readable=(Path("/opt/node"),), domains=("example.org",),
        proxy="127.0.0.1:3128",
    )  # fmt: skip
    (tmp_path / "config.toml").write_text('[mcp_servers."my tools"]\ncommand = "x"\n')
    for changes in ({}, {"resume": "0e4fff6d-15af-501d-8dee-ab4f58052a28"}):
        one = order(tmp_path, engine="claude", **changes)
        claude = Claude(binary="/bin/true").sandboxed_command(one, tmp_path, sandbox)
        assert {"--restricted", "--strict-mcp-config"} <= set(claude)
        assert claude[claude.index("--setting-sources") + 1] == ""
        assert claude[claude.index("--permission-prompts") + 1] == "none"
        given = json.loads(claude[claude.index("--settings") + 1])["sandbox"]
        assert given["enabled"] and given["failIfUnavailable"] and not given["allowUnsandboxedCommands"]
        assert given["filesystem"] == {"denyRead": [str(tmp_path)], "allowWrite": ["/home/ada"]}
        assert given["network"] == {"allowedDomains": ["example.org"], "httpProxyPort": 3128}
        codex = Codex(binary="/bin/true").sandboxed_command(one, tmp_path, sandbox)
        assert "-s" not in codex and 'default_permissions="walled"' in codex
        assert any(part.startswith("permissions.walled.filesystem={") and '".git" = "write"' in part for part in codex)
        assert 'permissions.walled.network={"enabled" = true}' in codex
        assert 'mcp_servers."my tools".enabled=false' in codex
        assert ("resume" in codex) == bool(changes)


def test_toolchains_are_found_and_nothing_private_with_them(tmp_path: Path) -> None:
    """Installations on PATH come whole, plain directories alone, links with what they lead to; never a home."""
    home, factory = tmp_path / "home", tmp_path / "factory"
    (home / "node/v20/bin").mkdir(parents=True)
    (home / "node/v20/lib").mkdir()
    (home / ".local/bin").mkdir(parents=True)
    (home / ".local/lib").mkdir()
    (home / ".local/share/tool/bin").mkdir(parents=True)
    (home / ".local/share/tool/pyvenv.cfg").touch()
    tool = home / ".local/share/tool/bin/tool"
    tool.touch()
    (home / ".local/bin/tool").symlink_to(tool)
    (factory / "bin").mkdir(parents=True)
    (factory / "lib").mkdir()
    entries = (
        home / "node/v20/bin",
        home / ".local/bin",
        home,
        factory / "bin",
        tmp_path / "missing",
        Path("/usr/bin"),
    )
    environment = {"HOME": str(home), "PATH": ":".join(map(str, entries))}
    found = Installations(environment, (factory / ".factory",)).toolchains()
    assert set(found) == {home / "node/v20", home / ".local/bin", home / ".local/share/tool", factory / "bin"}
