"""Everything that touches the world. Thin."""
