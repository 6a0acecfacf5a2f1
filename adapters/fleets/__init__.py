"""Who runs agents: one module or package for each fleet."""
