# What could not be done ends in one of these, each with an alarm: records that the performer cannot work off, and ticks that
# never reached the check-in. Runs that wait for a worker wait in the table.
resource "aws_sqs_queue" "dead" {
  for_each = toset(["effects", "ticks"])

  name                      = "factory-${var.name}-dead-${each.key}"
  kms_master_key_id         = aws_kms_key.factory.arn
  message_retention_seconds = 1209600 # 14 days, the longest there is
}
