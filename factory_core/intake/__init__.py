"""① A neutral request becomes events. No host and no vendor is known here."""
