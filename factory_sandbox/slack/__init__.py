"""Slack workspaces in memory, the Web API over them, and the Events API's envelopes."""
