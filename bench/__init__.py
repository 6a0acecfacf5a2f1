"""What is measured, and against what: the floor of this machine, this project, and its peers, interleaved in rounds.

`floors/` are written by hand, as fast as this machine allows; `ours/` measures the project; `peers/` runs the same
lifecycle in DBOS, LangGraph and Restate. `reach.py` says what was to be reached. Only ratios inside a run count.
"""
