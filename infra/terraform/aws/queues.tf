# Runs wait here for a worker. A message says which run; what is to be done stands in the table.
resource "aws_sqs_queue" "runs" {
  name                       = "factory-${var.name}-runs"
  kms_master_key_id          = aws_kms_key.factory.arn
  message_retention_seconds  = 1209600 # 14 days: waiting for a worker loses no run
  visibility_timeout_seconds = 300     # a worker that was claimed for and says nothing loses the run after that
  receive_wait_time_seconds  = 5

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead["runs"].arn
    maxReceiveCount     = 5
  })
}

# What could not be done ends in one of these, each with an alarm: runs that no worker could take, stream records that the
# performer could not work off, ticks that never reached the check-in.
resource "aws_sqs_queue" "dead" {
  for_each = toset(["runs", "effects", "ticks"])

  name                      = "factory-${var.name}-dead-${each.key}"
  kms_master_key_id         = aws_kms_key.factory.arn
  message_retention_seconds = 1209600
}

resource "aws_sqs_queue_redrive_allow_policy" "dead_runs" {
  queue_url = aws_sqs_queue.dead["runs"].id

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.runs.arn]
  })
}
