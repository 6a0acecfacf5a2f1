"""The same lifecycle in other projects, each as its own documentation recommends, and tuned in its favour.

These programs run in a virtual environment of their own (`.bench/venv`) and so know nothing of this project but the
workload: `python -m bench.peers.NAME DIRECTORY LIFECYCLES WAITING RESUMES IDLE_SECONDS` writes one JSON object.
Without lifecycles it only waits; with AS_IT_COMES in its environment, without what was tuned.
"""

AS_IT_COMES = "BENCH_AS_IT_COMES"
