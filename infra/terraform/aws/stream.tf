# From a saved record with work in its outbox to the performer, within a second. What fails is tried again for an hour, alone
# in its batch; then it goes to the dead-letter queue, and the check-in finds the same work in the table: nothing is lost.
resource "aws_lambda_event_source_mapping" "performer" {
  event_source_arn                   = aws_dynamodb_table.factory.stream_arn
  function_name                      = aws_lambda_function.factory["performer"].arn
  starting_position                  = "TRIM_HORIZON"
  batch_size                         = 10
  parallelization_factor             = 5 # per shard; one item's records stay in order
  function_response_types            = ["ReportBatchItemFailures"]
  bisect_batch_on_function_error     = true
  maximum_retry_attempts             = 20
  maximum_record_age_in_seconds      = 3600
  maximum_batching_window_in_seconds = 0

  filter_criteria {
    filter {
      pattern = jsonencode({ dynamodb = { NewImage = { work = { N = [{ exists = true }] } } } })
    }
  }

  destination_config {
    on_failure {
      destination_arn = aws_sqs_queue.dead["effects"].arn
    }
  }
}
