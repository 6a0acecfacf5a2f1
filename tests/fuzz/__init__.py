"""What others send, drawn from a seed: to HTTP, as workers, on an engine's output, and into a run's files.

`python -m tests.fuzz --seconds 600` draws for so long and prints, for each failure, the line that repeats it. The same
draws, few of them and always the same ones, are played by test_fuzz.
"""
