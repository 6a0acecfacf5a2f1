"""⑤ Performs what was decided: lease, effect, outcome, one write each."""
