"""A vendor is named in its own folder and in the registry, and nowhere where all vendors are served."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.registry import VENDORS

from .tree import modules, parsed, short

pytestmark = pytest.mark.pure

NEUTRAL = (
    "factory_core/", "factory_cli/", "adapters/local/", "adapters/aws/", "adapters/cloudflare/", "adapters/web/",
    "adapters/credentials/", "adapters/assembly.py", "adapters/clockwork.py", "adapters/config_text.py",
)  # fmt: skip
ALLOWED = {
    "factory_core/text/foreign_text.py": "words in a ticket that a vendor would obey, whichever vendor reads them",
    "factory_core/protected_paths.py": "files of a repository that steer CI and reviews, as they are called",
    "factory_core/dispatch/anchors.py": "product names that tickets write in the middle of a sentence",
    "factory_core/dispatch/vocabulary.py": "names of tokens that a ticket may ask an agent for",
    "adapters/aws/compression_dictionary.py": "bytes that stored records were compressed with: they never change",
    "factory_cli/topics.py": "an example on the first screen, which works as it is typed and loads no registry",
    "factory_cli/safety/merging.py": "files of a repository that steer CI",
    "factory_cli/safety/hostile_run.py": "the attacks are played against the sandbox's code host",
}
"""Module → why it may name a vendor."""

NAMES = re.compile("|".join(VENDORS), re.IGNORECASE)


def named(path: Path) -> Iterator[str]:
    """What of the module's code names a vendor: its identifiers, imports and texts; not docstrings and comments."""
    tree = parsed(path)
    bodies = [getattr(node, "body", None) for node in ast.walk(tree)]
    notes = {id(body[0].value) for body in bodies if isinstance(body, list) and body and isinstance(body[0], ast.Expr)}
    for node in ast.walk(tree):
        words = [value for _, value in ast.iter_fields(node) if isinstance(value, str)]
        if id(node) not in notes:
            yield from (word for word in words if NAMES.search(word))


def test_what_serves_all_vendors_names_none() -> None:
    """The list of exceptions has no entry that is not needed."""
    found = {short(path): sorted(set(named(path))) for path in modules() if short(path).startswith(NEUTRAL)}
    assert {name: words for name, words in found.items() if words and name not in ALLOWED} == {}
    assert [name for name in ALLOWED if not found[name]] == []


def test_a_vendors_name_is_found_in_code_and_not_in_remarks(tmp_path: Path) -> None:
    """An import, an attribute, a text; a docstring may cite the vendor's page."""
    file = tmp_path / "module.py"
    file.write_text('"""As Linear has it."""\nfrom x import github\na = config.slack  # Slack\nb = "to Linear"\n')
    assert sorted(named(file)) == ["github", "slack", "to Linear"]
