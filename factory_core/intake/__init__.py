"""①② From a vendor's request to saved events."""
