"""One GitHub in memory over real bare repositories: pull requests, checks, rules, a merge queue, people, and git."""
