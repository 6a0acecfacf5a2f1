"""One folder a vendor: webhook (no I/O), client (the one door), role files, connection."""
