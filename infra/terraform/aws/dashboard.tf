# In the order in which one asks: is anybody waiting, do webhooks get in, is work done, is anything dead, what does it cost us.

locals {
  graphs = [
    ["Longest waiting effect, s", "Maximum", [[local.metrics, "OldestWaitingEffect", "factory", var.name]]],
    ["Webhooks, 4xx and 5xx", "Sum", [for metric in ["Count", "4xx", "5xx"] : ["AWS/ApiGateway", metric, "ApiId", aws_apigatewayv2_api.factory.id]]],
    ["Webhook answered in, ms (p99)", "p99", [["AWS/ApiGateway", "Latency", "ApiId", aws_apigatewayv2_api.factory.id]]],
    ["Performer behind the table, ms", "Maximum", [["AWS/Lambda", "IteratorAge", "FunctionName", local.called["performer"]]]],
    ["Errors", "Sum", [for name in values(local.called) : ["AWS/Lambda", "Errors", "FunctionName", name]]],
    ["Throttles", "Sum", [for name in values(local.called) : ["AWS/Lambda", "Throttles", "FunctionName", name]]],
    ["Effects performed and failed", "Sum", [for metric in ["EffectsPerformed", "EffectsFailed"] : [local.metrics, metric, "factory", var.name]]],
    ["Dead letters", "Maximum", [for queue in aws_sqs_queue.dead : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue.name]]],
    ["Table, units", "Sum", [for metric in ["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"] : ["AWS/DynamoDB", metric, "TableName", aws_dynamodb_table.factory.name]]],
  ]
}

resource "aws_cloudwatch_dashboard" "factory" {
  dashboard_name = "factory-${var.name}"
  dashboard_body = jsonencode({
    widgets = [for at, graph in local.graphs : {
      type       = "metric"
      x          = at % 3 * 8
      y          = floor(at / 3) * 6
      width      = 8
      height     = 6
      properties = { title = graph[0], stat = graph[1], metrics = graph[2], period = 60, region = local.region, view = "timeSeries" }
    }]
  })
}
