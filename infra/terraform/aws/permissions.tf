# What each function may do, on what. `everyone` and `own` are the calls that the functions' code makes, neither more nor fewer:
# a test compares them. `platform` is what AWS itself does in a function's name: Lambda with the stream, ECS with a task's role.

locals {
  everyone = {
    table   = ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:Query"]
    config  = ["ssm:GetParameter"]
    secrets = ["secretsmanager:GetSecretValue"]
  }

  own = {
    ingress = {}
    performer = {
      dead_effects = ["sqs:SendMessage"]
      runs         = ["sqs:SendMessage", "sqs:GetQueueAttributes"]
      tasks        = ["ecs:RunTask"]
    }
    check_in = {
      runs    = ["sqs:SendMessage", "sqs:GetQueueAttributes"]
      tasks   = ["ecs:RunTask"]
      metrics = ["cloudwatch:GetMetricStatistics"]
    }
    fleet      = { runs = ["sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:DeleteMessage"] }
    task_ended = {}
  }

  platform = {
    ingress = {}
    performer = {
      stream       = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]
      dead_effects = ["sqs:SendMessage"]
      starts       = ["iam:PassRole"]
    }
    check_in   = { starts = ["iam:PassRole"] }
    fleet      = {}
    task_ended = {}
  }

  reach = {
    table        = [aws_dynamodb_table.factory.arn, "${aws_dynamodb_table.factory.arn}/index/due"]
    stream       = [aws_dynamodb_table.factory.stream_arn]
    dead_effects = [aws_sqs_queue.dead["effects"].arn]
    runs         = [for queue in aws_sqs_queue.runs : queue.arn]
    tasks        = [for definition in aws_ecs_task_definition.agent : "${definition.arn_without_revision}:*"]
    starts       = [for role in aws_iam_role.task : role.arn]
    config       = [for parameter in aws_ssm_parameter.tenant : parameter.arn]
    secrets      = [for secret in aws_secretsmanager_secret.tenant : secret.arn]
    metrics      = ["*"] # metrics are no resources: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html
  }
}

resource "aws_iam_role" "function" {
  for_each = local.functions

  name = "factory-${var.name}-${replace(each.key, "_", "-")}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "function" {
  for_each = local.functions

  role = aws_iam_role.function[each.key].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [for noun, actions in merge(local.everyone, local.own[each.key], local.platform[each.key]) : {
        Sid      = replace(title(replace(noun, "_", " ")), " ", "")
        Effect   = "Allow"
        Action   = actions
        Resource = local.reach[noun]
      } if length(local.reach[noun]) > 0],
      [
        {
          Sid      = "Logs"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = ["${aws_cloudwatch_log_group.function[each.key].arn}:*"]
        },
        {
          Sid      = "Traces" # X-Ray knows no resources: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
          Effect   = "Allow"
          Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
          Resource = ["*"]
        },
      ],
    )
  })
}
