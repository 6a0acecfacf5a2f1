"""GitHub: pull requests, checks, reviews, merges, and the webhook deliveries that got lost."""
