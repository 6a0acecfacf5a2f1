"""Where records are kept. DynamoDB's store lives in aws/, the object's in cloudflare/."""
