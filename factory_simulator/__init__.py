"""The real core, runner and stores under a simulated clock and a simulated world that does its worst, from a seed."""
