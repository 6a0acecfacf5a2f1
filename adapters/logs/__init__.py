"""Lines of the log: their form, their number, and what is taken out of them."""
