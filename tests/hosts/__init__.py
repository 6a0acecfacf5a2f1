"""What the local host promises of itself: its writes, its pages, its commands."""
