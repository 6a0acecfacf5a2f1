# The public door. The routes are the ones that `factory serve` answers, the workers', and an operator's.

locals {
  routes = {
    "POST /hooks/{tenant}/{provider}"              = "ingress"
    "GET /healthz"                                 = "ingress"
    "GET /status.json"                             = "ingress"
    "GET /items/{key}"                             = "ingress"
    "POST /items/{key}/forget"                     = "ingress"
    "GET /"                                        = "ingress"
    "POST /fleet/{tenant}/claim"                   = "fleet"
    "POST /fleet/{tenant}/runs/{run_id}/heartbeat" = "fleet"
    "POST /fleet/{tenant}/runs/{run_id}/report"    = "fleet"
  }
}

resource "aws_apigatewayv2_api" "factory" {
  name          = "factory-${var.name}"
  protocol_type = "HTTP"
}

resource "aws_apigatewayv2_integration" "factory" {
  for_each = toset(values(local.routes))

  api_id                 = aws_apigatewayv2_api.factory.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_function.factory[each.key].invoke_arn
  payload_format_version = "2.0"
}

resource "aws_apigatewayv2_route" "factory" {
  # checkov:skip=CKV_AWS_309:The functions decide who may: a webhook is signed over its raw bytes, a worker and a reader of the status bring a token; API Gateway can check none of these
  for_each = local.routes

  api_id    = aws_apigatewayv2_api.factory.id
  route_key = each.key
  target    = "integrations/${aws_apigatewayv2_integration.factory[each.value].id}"
}

resource "aws_apigatewayv2_stage" "factory" {
  api_id      = aws_apigatewayv2_api.factory.id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    throttling_rate_limit    = var.throttle.rate
    throttling_burst_limit   = var.throttle.burst
    detailed_metrics_enabled = true
  }

  # Neither headers nor bodies: signatures and tickets stay out of the logs.
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    format = jsonencode({
      at      = "$context.requestTime"
      id      = "$context.requestId"
      from    = "$context.identity.sourceIp"
      route   = "$context.routeKey"
      path    = "$context.path"
      status  = "$context.status"
      ms      = "$context.responseLatency"
      bytes   = "$context.responseLength"
      trouble = "$context.integrationErrorMessage"
    })
  }
}

resource "aws_lambda_permission" "api" {
  for_each = aws_apigatewayv2_integration.factory

  function_name = aws_lambda_function.factory[each.key].function_name
  action        = "lambda:InvokeFunction"
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.factory.execution_arn}/*"
}
