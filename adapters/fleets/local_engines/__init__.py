"""Engines on this machine: a detached supervisor for each run, in a git work tree of its own.

It imports nothing, so that the supervisor starts fast. The tool's own `Fleet` is in fleet.py.
"""
