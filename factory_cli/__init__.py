"""`factory …`: arguments in, text or JSON out, no decisions."""

VERSION = "0.1.0"
