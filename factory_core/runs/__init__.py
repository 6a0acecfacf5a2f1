"""One attempt's work: its order, its report, its checks, and its place in the line of workers."""
