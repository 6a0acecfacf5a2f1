"""AWS: Lambda in front, DynamoDB behind, and only here boto3."""
