"""The command line's directory with a configuration."""

from tests.cli.conftest import home

__all__ = ["home"]
