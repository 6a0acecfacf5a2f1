"""What the factory decides. No cloud, no vendor, no clock, no terminal in here."""
