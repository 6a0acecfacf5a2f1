# One key of our own for everything at rest: who may read what is then said in one place, and turning it off turns all off.
# Each statement lets its principal use the key only through the services that hold the factory's data.

resource "aws_kms_key" "factory" {
  description             = "factory ${var.name}: table, queues, secrets, configuration, logs, alarms"
  enable_key_rotation     = true
  deletion_window_in_days = 30
}

resource "aws_kms_alias" "factory" {
  name          = "alias/factory-${var.name}"
  target_key_id = aws_kms_key.factory.key_id
}

resource "aws_kms_key_policy" "factory" {
  key_id = aws_kms_key.factory.key_id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TheAccountAdministersTheKey"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "OurRolesThroughTheServicesThatHoldTheData"
        Effect    = "Allow"
        Principal = { AWS = concat([for role in aws_iam_role.function : role.arn], [for role in aws_iam_role.task : role.arn], [aws_iam_role.scheduler.arn]) }
        # What DynamoDB wants of a caller: https://docs.aws.amazon.com/kms/latest/developerguide/services-dynamodb.html
        Action   = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
        Resource = "*"
        Condition = { StringEquals = { "kms:ViaService" = [
          for service in ["dynamodb", "sqs", "secretsmanager", "ssm"] : "${service}.${local.region}.amazonaws.com"
        ] } }
      },
      {
        Sid       = "LogGroupsOfThisFactory"
        Effect    = "Allow"
        Principal = { Service = "logs.${local.region}.amazonaws.com" }
        Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
        Resource  = "*"
        Condition = { ArnLike = {
          "kms:EncryptionContext:aws:logs:arn" = "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/factory/${var.name}/*"
        } }
      },
      {
        Sid       = "AlarmsOfThisAccount"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
      },
    ]
  })
}
