"""An engine that does its worst, drawn from a number: real git, real processes, the real supervisor, and laws."""
