# What could not be done ends in one of these, each with an alarm: records that the performer cannot work off, and ticks that
# never reached the check-in; messages of runs that no claim could read.
resource "aws_sqs_queue" "dead" {
  for_each = toset(["effects", "ticks", "runs"])

  name                      = "factory-${var.name}-dead-${each.key}"
  kms_master_key_id         = aws_kms_key.factory.arn
  message_retention_seconds = 1209600 # 14 days, the longest there is
}

# What feeds the claims of a tenant's workers: pointers to runs that wait in the table. One queue a tenant, so that no claim
# ever receives another tenant's. A claim says for how long a message is hidden.
resource "aws_sqs_queue" "runs" {
  for_each = var.tenants

  name                              = "${local.runs}${each.key}"
  kms_master_key_id                 = aws_kms_key.factory.arn
  kms_data_key_reuse_period_seconds = 86400 # asking the key every five minutes would cost more than the queue
  message_retention_seconds         = 1209600

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead["runs"].arn
    maxReceiveCount     = 10 # a run that nobody confirms is received six times, and has failed then
  })
}

locals {
  runs = "factory-${var.name}-runs-" # and the tenant
}
