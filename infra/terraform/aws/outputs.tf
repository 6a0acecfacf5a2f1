output "webhooks" {
  description = "What to register with each vendor, by tenant"
  value = { for tenant in keys(var.tenants) : tenant => {
    for provider in ["linear", "slack", "github"] : provider => "${aws_apigatewayv2_api.factory.api_endpoint}/hooks/${tenant}/${provider}"
  } }
}

output "status" {
  description = "The status page, for those who have its token"
  value       = "${aws_apigatewayv2_api.factory.api_endpoint}/"
}

output "secrets" {
  description = "Where each tenant's secrets go: aws secretsmanager put-secret-value --secret-id …"
  value       = { for tenant, secret in aws_secretsmanager_secret.tenant : tenant => secret.name }
}

output "task_secrets" {
  description = "Where each tenant's tasks find their secrets, if there are tasks"
  value       = { for tenant, secret in aws_secretsmanager_secret.task : tenant => secret.name }
}

output "table" {
  description = "The factory's memory"
  value       = aws_dynamodb_table.factory.name
}

output "alarms" {
  description = "The topic to subscribe to"
  value       = aws_sns_topic.alarms.arn
}

output "dashboard" {
  description = "CloudWatch, the name of the dashboard"
  value       = aws_cloudwatch_dashboard.factory.dashboard_name
}
