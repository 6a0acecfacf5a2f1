"""What the factory decides. No cloud, no vendor, no clock, no terminal in here."""

VERSION = "0.1.0"
