"""The text of a configuration, YAML or JSON, becomes a FactoryConfig whose vendors exist."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic.alias_generators import to_camel

from factory_core.config import FactoryConfig, line_of, read_config
from factory_core.errors import ConfigProblem
from factory_core.payload import parse
from factory_core.settings import VendorSettings
from factory_core.text.addresses import credential_in, is_private

from .registry import config_model, declared


def config_of(text: str, file: str) -> FactoryConfig:
    """Every way in which it can be wrong is a ConfigProblem that names the file. JSON costs no YAML parser."""
    document = _parsed(text, file)
    if not isinstance(document, Mapping):
        raise ConfigProblem(f"{file} is empty", why="it must be a mapping", fix="factory init")
    config = read_config(document, file=file, text=text, model=config_model())
    declared(config)
    _check_addresses(config, file, text)
    return config


def config_of_tenant(text: str, tenant: str, file: str) -> FactoryConfig:
    """The configuration under the tenant's own name; raise ConfigProblem when it says another."""
    config = config_of(text, file)
    if config.tenant not in {tenant, FactoryConfig.model_fields["tenant"].default}:
        why = f"it says {config.tenant!r}, and stands under {tenant!r}"
        raise ConfigProblem(f"{file}: tenant", why=why, fix=f"In factory.config.yaml: set tenant to {tenant}")
    return config.model_copy(update={"tenant": tenant})


def _check_addresses(config: FactoryConfig, file: str, text: str) -> None:
    """No credential stands in an address, and none is sent where others can read it."""
    for name, repository in config.repositories.items():
        if held := credential_in(repository.clone_url):
            where = f"{file}{line_of(text, ('repositories', name, 'cloneUrl'))}: repositories.{name}.cloneUrl"
            why = f"it holds {held}, which process lists, records and workers would show; the token has its own place"
            raise ConfigProblem(where, why=why, fix=f"In {file}: take it out, and let `factory connect` keep the token")
    for name in declared(config):
        section = config.section(name, VendorSettings)
        for field in (field for field in type(section).model_fields if field == "url" or field.endswith("_url")):
            if (url := getattr(section, field)) and not is_private(url):
                key = to_camel(field)
                where = f"{file}{line_of(text, (name, key))}: {name}.{key}"
                why = "the token would go there in the open: only https is private, and http on this machine"
                raise ConfigProblem(where, why=why, fix=f"In {file}: begin it with https://")


def _parsed(text: str, file: str) -> object:
    try:
        document = parse(text)
    except ValueError:
        return _yaml(text, file)

    def once(pairs: list[tuple[str, Any]]) -> None:
        if twice := _twice([key for key, _ in pairs]):
            raise _key_twice(file, twice)

    json.loads(text, object_pairs_hook=once)
    return document


def _twice(keys: list[str]) -> str:
    """The first key that stands there a second time."""
    return next((key for at, key in enumerate(keys) if key in keys[:at]), "")


def _key_twice(where: str, key: str) -> ConfigProblem:
    why = f"the key {key[:100]!r} stands there twice, and only one of them would count"
    return ConfigProblem(f"{where}: a duplicate key", why=why, fix=f"In {where}: keep one of the two")


def _yaml(text: str, file: str) -> object:
    try:
        import yaml
    except ModuleNotFoundError:
        fix = "In the shell: deploy it as JSON, as `factory deploy` does"
        raise ConfigProblem(f"{file} is not JSON", why="this host reads no YAML", fix=fix) from None

    class Loader(yaml.SafeLoader):
        """YAML 1.2 wants each key once in its mapping; PyYAML takes the last. https://yaml.org/spec/1.2.2/#mapping"""

        def flatten_mapping(self, node: yaml.MappingNode) -> None:
            keys = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode) and not key.tag.endswith(":merge")]
            if twice := _twice([key.value for key in keys]):
                line = max(key.start_mark.line for key in keys if key.value == twice) + 1
                raise _key_twice(f"{file}, line {line}", twice)
            super().flatten_mapping(node)

    try:
        return yaml.load(text, Loader)  # noqa: S506 -- it is a SafeLoader
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        why = str(getattr(error, "problem", None) or "it is not YAML")
        raise ConfigProblem(f"{file}{line}: not YAML", why=why, fix=f"In {file}: correct that line") from None
