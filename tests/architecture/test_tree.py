"""What every file of the project keeps to."""

from __future__ import annotations

import ast
import re
import tomllib

import pytest

from .tree import ROOT, modules, parsed, short, tracked

pytestmark = pytest.mark.pure

VAGUE = {"utils", "util", "helpers", "helper", "common", "base", "manager", "managers", "service", "services", "misc"}
ELSEWHERE = re.compile("|".join((
    "pypi" + r"\.org", "python" + r"hosted\.org", "registry" + r"\.npmjs", r"deb" + r"\.debian\.org", "/wo" + "rk/main",
    "/wo" + "rk/shared", "bash" + "_jobs", "/fa" + "rm/",
)))  # fmt: skip


def test_a_module_says_what_lives_in_it() -> None:
    assert [short(path) for path in modules() if not path.read_text().startswith('"""')] == []


def test_a_module_is_named_by_what_one_finds_in_it() -> None:
    assert [short(path) for path in modules() if VAGUE & {*path.relative_to(ROOT).with_suffix("").parts}] == []


def test_no_file_names_a_package_index_or_a_path_of_somebodys_machine() -> None:
    told = {short(path): ELSEWHERE.findall(path.read_text(errors="replace")) for path in tracked()}
    assert not {name: found for name, found in told.items() if found}


def test_a_wheel_has_every_file_that_its_code_reads() -> None:
    """But for what `factory deploy` reads, which needs the whole tree."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packages = {name.rstrip("*") for name in told["packages"]["find"]["include"]}
    files = [path for path in tracked() if short(path).partition("/")[0] in packages and path.suffix != ".py"]
    left = [short(path) for path in files if not any(path.match(pattern) for pattern in told["package-data"]["*"])]
    assert files and left == ["adapters/cloudflare/wrangler.jsonc"]


def test_only_the_outermost_frames_catch_everything() -> None:
    """The runner's, so that no effect is lost; the clock's, so that it goes on; the command line's, for people; the
    supervisor's, so that its run ends with a reason; that of who follows a run, so that its end is reported; the one
    around each item, run or line of many, so that a fault over one is no other's; the log's, so that
    saying something stops nothing; a reload's, so that what was served goes on."""
    wide = {
        short(path)
        for path in modules()
        if re.search(r"except:|Exception\b", path.read_text())
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ExceptHandler) and _catches_everything(node)
    }
    engines = "adapters/fleets/local_engines"
    assert wide == {
        "factory_core/performing/effect_performer.py", "factory_cli/main.py", "adapters/local/performer.py",
        "adapters/clockwork.py",
        f"{engines}/supervise.py", f"{engines}/fleet.py", f"{engines}/watchdog.py",
        "factory_core/performing/check_in.py", "factory_core/performing/reconcile.py",
        "factory_core/performing/catch_up.py", "adapters/fleets/worker_queue/leases.py",
        "adapters/cloudflare/performer.py", "adapters/aws/run_tasks.py", "adapters/aws/handlers/performer.py",
        "adapters/logs/log_lines.py", "factory_cli/serve_log.py", "factory_cli/log_writer.py", "factory_cli/serve.py",
    }  # fmt: skip


def _catches_everything(handler: ast.ExceptHandler) -> bool:
    """Neither names what it catches nor hands it on."""
    kind = handler.type
    names = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    wide = kind is None or any(
        isinstance(name, ast.Name) and name.id in {"Exception", "BaseException"} for name in names
    )
    last = handler.body[-1]
    return wide and not (isinstance(last, ast.Raise) and last.exc is None)
