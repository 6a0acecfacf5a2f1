"""What Lambda calls. Each file has a `handler(event, context)`, and is one function of infra/terraform/aws."""
