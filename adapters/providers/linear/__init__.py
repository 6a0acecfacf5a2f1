"""Linear: issues, comments and agent sessions. https://linear.app/developers"""
