"""Slack: people are asked in threads. https://docs.slack.dev"""
