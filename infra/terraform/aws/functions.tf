locals {
  every_function = {
    ingress    = { does = "webhooks in, status out", timeout = 10, memory = 512 } # senders wait 3 to 10 s
    performer  = { does = "performs what is in the outbox", timeout = 300, memory = 512 }
    check_in   = { does = "wakes what is due", timeout = 300, memory = 512 }
    fleet      = { does = "hands runs to workers", timeout = 10, memory = 512 }
    task_ended = { does = "hears of tasks that stopped", timeout = 30, memory = 512 }
  }

  functions = { for name, function in local.every_function : name => function if name != "task_ended" || var.tasks != null }
}

resource "aws_lambda_function" "factory" {
  # checkov:skip=CKV_AWS_117:The vendors and AWS's own APIs are reached over the internet; a VPC would add a NAT gateway (about 32 dollars a month) and take nothing away, since the function holds no network to protect
  # checkov:skip=CKV_AWS_272:The package is built reproducibly from hashed wheels and its digest stands in the plan; signing needs a profile of the account's own
  # checkov:skip=CKV_AWS_173:The environment holds names alone, no secret; AWS encrypts it at rest with its own key all the same
  # checkov:skip=CKV_AWS_116:Nothing calls these functions asynchronously but the two with a dead-letter queue at their source, the stream's on-failure destination and the schedule's, and task_ended, whose lost events the leases make good
  for_each = local.functions

  function_name                  = "factory-${var.name}-${replace(each.key, "_", "-")}"
  description                    = each.value.does
  role                           = aws_iam_role.function[each.key].arn
  filename                       = var.package
  source_code_hash               = filebase64sha256(var.package)
  handler                        = "adapters.aws.handlers.${each.key}.handler"
  runtime                        = "python3.14" # the package holds this version's compiled code
  architectures                  = [var.architecture]
  timeout                        = each.value.timeout
  memory_size                    = each.value.memory
  reserved_concurrent_executions = var.concurrency[each.key]

  environment {
    variables = {
      FACTORY_NAME         = var.name
      FACTORY_TABLE        = aws_dynamodb_table.factory.name
      FACTORY_DEAD_EFFECTS = aws_sqs_queue.dead["effects"].url
      FACTORY_RUNS         = replace(aws_sqs_queue.dead["effects"].url, aws_sqs_queue.dead["effects"].name, local.runs)
      FACTORY_TASKS        = jsonencode(local.places)
      FACTORY_API          = aws_apigatewayv2_api.factory.id
    }
  }

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.function[each.key].name
  }

  tracing_config {
    mode = "Active"
  }

  depends_on = [aws_iam_role_policy.function] # a function that starts before it may write logs says nothing
}
