"""This project, asked for the same things as the floor: its real core, store, server and command line."""
