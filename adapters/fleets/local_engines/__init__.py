"""Engines on this machine: each run under a detached supervisor, in a git work tree of its own. See fleet.py."""
