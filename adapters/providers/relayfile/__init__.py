"""relayfile: the vendors' objects as files; a webhook says which file changed, the file says what happened."""
