"""Harmless attacks on this machine and this configuration, for `factory doctor --safety`. Nothing is left behind."""
