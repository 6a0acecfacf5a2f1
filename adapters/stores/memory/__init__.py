"""Ports that forget when the process ends: for tests, simulation and the demo."""
