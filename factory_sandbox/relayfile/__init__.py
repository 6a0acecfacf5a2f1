"""relayfile on loopback."""
