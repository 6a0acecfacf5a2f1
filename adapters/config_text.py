"""The text of a configuration, YAML or JSON, becomes a FactoryConfig whose vendors exist."""

from __future__ import annotations

import json
from collections.abc import Mapping

from factory_core.config import FactoryConfig, read_config
from factory_core.errors import ConfigProblem

from .registry import declared


def config_of(text: str, file: str) -> FactoryConfig:
    """Every way in which it can be wrong is a ConfigProblem that names the file. JSON costs no YAML parser."""
    document = _parsed(text, file)
    if not isinstance(document, Mapping):
        raise ConfigProblem(f"{file} is empty", why="it must be a mapping", fix="factory init")
    config = read_config(document, file=file, text=text)
    declared(config)
    return config


def _parsed(text: str, file: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return _yaml(text, file)


def _yaml(text: str, file: str) -> object:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        why = str(getattr(error, "problem", None) or "it is not YAML")
        raise ConfigProblem(f"{file}{line}: not YAML", why=why, fix=f"In {file}: correct that line") from None
