"""The factory on one machine: SQLite and a server."""
