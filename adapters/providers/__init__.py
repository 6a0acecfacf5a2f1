"""One folder a vendor: webhook (no I/O), client (the one HTTP call), refusals (their table), role files, connection."""
