"""Linear workspaces in memory: issues, comments and agent sessions, behind the used part of the GraphQL API."""
