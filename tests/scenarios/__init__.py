"""The survival tests: a real server process, a real sandbox, real git."""
