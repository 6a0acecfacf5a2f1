"""Agents on other machines: a line of runs, and workers that take them over HTTPS. docs/workers.md is the protocol."""
