"""What is measured, and against what. `make bench` prints it; only ratios inside one run mean anything."""
