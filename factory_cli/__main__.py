"""`python -m factory_cli` is `factory`."""

import sys

from .main import run

sys.exit(run())
