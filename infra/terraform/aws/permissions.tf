# What each function may do, on what. `rights` are the calls that the function's code makes, neither more nor fewer: a test
# compares the two. `platform` is what Lambda itself does in the function's name.

locals {
  records = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:Query"]
  tenants = { config = ["ssm:GetParameter"], secrets = ["secretsmanager:GetSecretValue"] }

  rights = {
    ingress   = merge(local.tenants, { table = local.records })
    performer = merge(local.tenants, { table = local.records, runs = ["sqs:SendMessage"] })
    check_in  = merge(local.tenants, { table = local.records, runs = ["sqs:SendMessage"] })
    fleet     = merge(local.tenants, { table = local.records, runs = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"] })
  }

  platform = {
    ingress = {}
    performer = {
      stream       = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]
      dead_effects = ["sqs:SendMessage"]
    }
    check_in = {}
    fleet    = {}
  }

  reach = {
    table        = [aws_dynamodb_table.factory.arn, "${aws_dynamodb_table.factory.arn}/index/due"]
    stream       = [aws_dynamodb_table.factory.stream_arn]
    runs         = [aws_sqs_queue.runs.arn]
    dead_effects = [aws_sqs_queue.dead["effects"].arn]
    config       = [for parameter in aws_ssm_parameter.tenant : parameter.arn]
    secrets      = [for secret in aws_secretsmanager_secret.tenant : secret.arn]
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
      [for noun, actions in merge(local.rights[each.key], local.platform[each.key]) : {
        Sid      = replace(title(replace(noun, "_", " ")), " ", "")
        Effect   = "Allow"
        Action   = actions
        Resource = local.reach[noun]
      }],
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
