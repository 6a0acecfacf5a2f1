"""Each trial of `factory doctor --safety` holds where all is well, and falls where it is not."""
