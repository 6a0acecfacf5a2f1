"""Linear, Slack, GitHub and relayfile on loopback, in the real APIs' shapes: develop and test without any account.

An independent imitation: nothing here imports the providers, otherwise both could be wrong together.
"""
