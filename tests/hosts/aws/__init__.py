"""What only the AWS host does."""
