"""`factory …`: arguments in, text or JSON out, no decisions."""

from factory_core import VERSION as VERSION
