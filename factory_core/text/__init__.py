"""Text of anybody: normal forms, patterns, addresses, and what is taken out of it."""
