"""A vendor that is nowhere but here: what a new one needs, and nothing else."""
