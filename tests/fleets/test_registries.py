"""What a setup may reach: the registries that this machine's own package managers are set to."""

from __future__ import annotations

from pathlib import Path

from adapters.fleets.local_engines.registries import package_registries


def test_a_package_manager_is_asked_for_its_registry_and_a_password_in_it_is_left_out(tmp_path: Path) -> None:
    _program(tmp_path / "npm", "echo https://ci:secret@npm.corp.example:8443/team/")
    _program(tmp_path / "go", "echo 'https://go.corp.example,direct'")
    _program(tmp_path / "gem", "printf '*** CURRENT SOURCES ***\\n\\nhttps://GEMS.corp.example/\\n'")
    _program(tmp_path / "python3", "echo \"global.index-url='https://python.corp.example/simple'\"")
    found = package_registries({"PATH": str(tmp_path)})
    assert found == ("npm.corp.example:8443", "python.corp.example", "go.corp.example", "gems.corp.example")


def test_one_that_fails_or_is_not_there_names_none(tmp_path: Path) -> None:
    _program(tmp_path / "npm", "echo undefined; exit 1")
    assert package_registries({"PATH": str(tmp_path)}) == ()


def _program(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
