# What pages: each alarm is something that a person who waits for a ticket would notice, and says what to do.

locals {
  metrics = "TicketFactory" # the namespace in which the check-in reports, once a minute

  alarms = merge(
    {
      effects-wait = {
        says      = "An effect has been waiting for 10 minutes: a vendor or the performer is in trouble. Look at the status page; factory doctor names the vendor."
        namespace = local.metrics, metric = "OldestWaitingEffect", dimensions = { factory = var.name }
        statistic = "Maximum", above = 600, minutes = 5, missing = "ignore" # a check-in that is silent has its own alarm
      }
      stream-behind = {
        says      = "The performer is 5 minutes behind the table. Its log says why."
        namespace = "AWS/Lambda", metric = "IteratorAge", dimensions = { FunctionName = local.called["performer"] }
        statistic = "Maximum", above = 300000, minutes = 5, missing = "notBreaching"
      }
      check-in-fails = {
        says      = "Check-ins fail: nothing that waits is woken. The check-in's log says why."
        namespace = "AWS/Lambda", metric = "Errors", dimensions = { FunctionName = local.called["check_in"] }
        statistic = "Sum", above = 0, minutes = 3, missing = "notBreaching"
      }
      webhooks-refused = {
        says      = "Webhooks are answered with 5xx. Linear and Slack send again; what GitHub does not repeat the check-in looks for. The ingress log says why."
        namespace = "AWS/ApiGateway", metric = "5xx", dimensions = { ApiId = aws_apigatewayv2_api.factory.id }
        statistic = "Sum", above = 0, minutes = 3, missing = "notBreaching"
      }
    },
    { for queue, _ in aws_sqs_queue.dead : "dead-${queue}" => {
      says      = "The dead-letter queue for ${queue} is not empty. docs/aws.md says how to read it and when to purge it."
      namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", dimensions = { QueueName = "factory-${var.name}-dead-${queue}" }
      statistic = "Maximum", above = 0, minutes = 1, missing = "notBreaching"
    } },
    { for function, name in local.called : "throttled-${replace(function, "_", "-")}" => {
      says      = "${function} is throttled: raise its part of `concurrency`, or the account's quota."
      namespace = "AWS/Lambda", metric = "Throttles", dimensions = { FunctionName = name }
      statistic = "Sum", above = 0, minutes = 3, missing = "notBreaching"
    } },
  )

  called = { for function, made in aws_lambda_function.factory : function => made.function_name }
}

resource "aws_cloudwatch_metric_alarm" "factory" {
  for_each = local.alarms

  alarm_name          = "factory-${var.name}-${each.key}"
  alarm_description   = each.value.says
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  period              = 60
  evaluation_periods  = each.value.minutes
  datapoints_to_alarm = each.value.minutes
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# Silence is a failure too: no check-in at all for five minutes.
resource "aws_cloudwatch_metric_alarm" "check_in_silent" {
  alarm_name          = "factory-${var.name}-check-in-silent"
  alarm_description   = "No check-in has started for 5 minutes: nothing that waits is woken. Look at the schedule and its dead-letter queue."
  namespace           = "AWS/Lambda"
  metric_name         = "Invocations"
  dimensions          = { FunctionName = local.called["check_in"] }
  statistic           = "Sum"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 5
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_sns_topic" "alarms" {
  name              = "factory-${var.name}-alarms"
  kms_master_key_id = aws_kms_key.factory.arn
}

resource "aws_sns_topic_subscription" "email" {
  count = var.alarm_email == "" ? 0 : 1

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}
