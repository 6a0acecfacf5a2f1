# The check-in: every minute, with the names of the tenants. It wakes what is due and finds what the stream dropped.
resource "aws_scheduler_schedule" "check_in" {
  # checkov:skip=CKV_AWS_297:What it holds is the names of the tenants, which stand in every address; AWS encrypts it with its own key all the same
  name                = "factory-${var.name}-check-in"
  schedule_expression = "rate(1 minute)"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_function.factory["check_in"].arn
    role_arn = aws_iam_role.scheduler.arn
    input    = jsonencode({ tenants = keys(var.tenants) })

    retry_policy {
      maximum_retry_attempts       = 3
      maximum_event_age_in_seconds = 300 # five later ticks have come by then
    }

    dead_letter_config {
      arn = aws_sqs_queue.dead["ticks"].arn
    }
  }
}

# The schedule only hands a tick over: Lambda keeps it in a queue of its own, for hours, and tries a failed one twice more.
# The next tick is the second try, so what is a minute late is dropped: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html
resource "aws_lambda_function_event_invoke_config" "check_in" {
  function_name                = aws_lambda_function.factory["check_in"].function_name
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = 60
}

resource "aws_iam_role" "scheduler" {
  name = "factory-${var.name}-scheduler"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "scheduler" {
  role = aws_iam_role.scheduler.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = "lambda:InvokeFunction", Resource = aws_lambda_function.factory["check_in"].arn },
      { Effect = "Allow", Action = "sqs:SendMessage", Resource = aws_sqs_queue.dead["ticks"].arn },
    ]
  })
}
