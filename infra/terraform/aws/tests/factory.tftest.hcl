# What must not be lost in an edit. `terraform test` here, or `make test` for all; the provider is mocked, no account is asked.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name        = "main"
  tenants     = { acme = "intentProvider: linear", umbrella = "intentProvider: jira" }
  package     = "versions.tf" # any file: its digest is all that is wanted here
  alarm_email = "oncall@acme.example"
}

run "a_factory_of_two_tenants" {
  # the door is narrow and keeps a log
  assert {
    condition     = alltrue([for settings in aws_apigatewayv2_stage.factory.default_route_settings : settings.throttling_rate_limit == 25 && settings.throttling_burst_limit == 50])
    error_message = "requests are throttled"
  }
  assert {
    condition     = toset(keys(jsondecode(one(aws_apigatewayv2_stage.factory.access_log_settings).format))) == toset(["at", "id", "from", "route", "path", "status", "ms", "bytes", "trouble"])
    error_message = "the access log holds no header and no body"
  }
  assert {
    condition     = one(aws_apigatewayv2_stage.factory.access_log_settings).destination_arn == aws_cloudwatch_log_group.access.arn
    error_message = "the access log goes to its group"
  }
  assert {
    condition     = output.webhooks.acme.linear == "${aws_apigatewayv2_api.factory.api_endpoint}/hooks/acme/linear" && keys(output.webhooks) == ["acme", "umbrella"]
    error_message = "the addresses to register are printed for each tenant"
  }

  # the memory is kept
  assert {
    condition     = aws_dynamodb_table.factory.deletion_protection_enabled && aws_dynamodb_table.factory.billing_mode == "PAY_PER_REQUEST"
    error_message = "the table is protected and costs what is used"
  }
  assert {
    condition     = one(aws_dynamodb_table.factory.point_in_time_recovery).enabled
    error_message = "the table can be restored to any second"
  }
  assert {
    condition     = one(aws_dynamodb_table.factory.ttl).enabled && one(aws_dynamodb_table.factory.ttl).attribute_name == "expires_at"
    error_message = "what has expired is deleted"
  }
  assert {
    condition     = aws_ssm_parameter.tenant["acme"].name == "/factory/main/tenants/acme/config" && aws_secretsmanager_secret.tenant["acme"].name == "factory/main/acme"
    error_message = "the functions look for configuration and secrets under these names"
  }

  # everything at rest is under our key
  assert {
    condition = alltrue(concat(
      [for encryption in aws_dynamodb_table.factory.server_side_encryption : encryption.enabled && encryption.kms_key_arn == aws_kms_key.factory.arn],
      [for queue in concat(values(aws_sqs_queue.dead), values(aws_sqs_queue.runs)) : queue.kms_master_key_id == aws_kms_key.factory.arn],
      [for secret in aws_secretsmanager_secret.tenant : secret.kms_key_id == aws_kms_key.factory.arn],
      [for parameter in aws_ssm_parameter.tenant : parameter.type == "SecureString" && parameter.key_id == aws_kms_key.factory.arn],
      [for group in concat([aws_cloudwatch_log_group.access], values(aws_cloudwatch_log_group.function)) : group.kms_key_id == aws_kms_key.factory.arn],
      [aws_sns_topic.alarms.kms_master_key_id == aws_kms_key.factory.arn, aws_kms_key.factory.enable_key_rotation],
    ))
    error_message = "table, queues, secrets, configuration, logs and alarms are under a key that rotates"
  }

  # no work is lost
  assert {
    condition = (
      aws_lambda_event_source_mapping.performer.event_source_arn == aws_dynamodb_table.factory.stream_arn
      && aws_lambda_event_source_mapping.performer.function_response_types == toset(["ReportBatchItemFailures"])
      && aws_lambda_event_source_mapping.performer.bisect_batch_on_function_error
      && aws_lambda_event_source_mapping.performer.maximum_retry_attempts == 20
      && aws_lambda_event_source_mapping.performer.maximum_record_age_in_seconds == 3600
    )
    error_message = "one bad record holds nothing up for ever"
  }
  assert {
    condition     = one(one(aws_lambda_event_source_mapping.performer.destination_config).on_failure).destination_arn == aws_sqs_queue.dead["effects"].arn
    error_message = "what the performer could not do is kept"
  }
  assert {
    condition     = one(one(aws_scheduler_schedule.check_in.target).dead_letter_config).arn == aws_sqs_queue.dead["ticks"].arn && one(one(aws_scheduler_schedule.check_in.target).retry_policy).maximum_retry_attempts == 3
    error_message = "a tick that failed is tried again, then kept"
  }
  assert {
    condition     = jsondecode(one(aws_scheduler_schedule.check_in.target).input) == { tenants = ["acme", "umbrella"] }
    error_message = "a tick names the tenants"
  }
  assert {
    condition     = aws_lambda_function_event_invoke_config.check_in.maximum_retry_attempts == 0 && aws_lambda_function_event_invoke_config.check_in.maximum_event_age_in_seconds == 60
    error_message = "ticks do not pile up: the next one is the second try"
  }

  assert {
    condition = { for tenant, queue in aws_sqs_queue.runs : tenant => [queue.name, jsondecode(queue.redrive_policy)] } == { for tenant in ["acme", "umbrella"] : tenant => [
      "factory-main-runs-${tenant}", { deadLetterTargetArn = aws_sqs_queue.dead["runs"].arn, maxReceiveCount = 10 }
    ] }
    error_message = "each tenant's runs have a queue of their own, and what nobody can read is kept"
  }

  # the functions are bounded and watched
  assert {
    condition = alltrue([for made in aws_lambda_function.factory :
      made.architectures == tolist(["arm64"]) && made.runtime == "python3.14" && made.reserved_concurrent_executions > 0
      && one(made.tracing_config).mode == "Active"
    ])
    error_message = "architecture, runtime, reserved concurrency, X-Ray"
  }
  assert {
    condition     = alltrue([for group in aws_cloudwatch_log_group.function : group.retention_in_days == 30])
    error_message = "logs end"
  }
  assert {
    condition     = { for made in aws_lambda_function.factory : made.handler => made.reserved_concurrent_executions } == { "adapters.aws.handlers.check_in.handler" = 1, "adapters.aws.handlers.fleet.handler" = 10, "adapters.aws.handlers.ingress.handler" = 20, "adapters.aws.handlers.performer.handler" = 10 }
    error_message = "one check-in at a time"
  }

  # nobody may more than he needs
  assert {
    condition = alltrue(flatten([for policy in aws_iam_role_policy.function : [for statement in jsondecode(policy.policy).Statement :
      contains(["Traces", "Metrics"], statement.Sid) || !contains(statement.Resource, "*")
    ]]))
    error_message = "only X-Ray and the metrics, which know no resources, have every resource"
  }
  assert {
    condition     = !strcontains(join("", [for policy in aws_iam_role_policy.function : join("", flatten([for statement in jsondecode(policy.policy).Statement : statement.Action]))]), "*")
    error_message = "every action is written out"
  }
  assert {
    condition     = length(distinct([for made in aws_lambda_function.factory : made.role])) == length(local.functions)
    error_message = "each function has its own role"
  }
  assert {
    condition = alltrue([for statement in jsondecode(aws_kms_key_policy.factory.policy).Statement :
      statement.Sid == "TheAccountAdministersTheKey" || can(statement.Condition)
    ])
    error_message = "the key serves nobody without a condition"
  }

  # what hurts a user pages
  assert {
    condition = toset(concat(keys(aws_cloudwatch_metric_alarm.factory), ["check-in-silent"])) == toset([
      "effects-wait", "stream-behind", "check-in-fails", "check-in-silent", "webhooks-refused",
      "dead-effects", "dead-ticks", "dead-runs",
      "throttled-ingress", "throttled-performer", "throttled-check-in", "throttled-fleet",
    ])
    error_message = "the list of what pages"
  }
  assert {
    condition = alltrue([for alarm in concat(values(aws_cloudwatch_metric_alarm.factory), [aws_cloudwatch_metric_alarm.check_in_silent]) :
      alarm.alarm_actions == toset([aws_sns_topic.alarms.arn]) && length(alarm.alarm_description) > 40
    ])
    error_message = "an alarm reaches the topic and says what to do"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.check_in_silent.treat_missing_data == "breaching" && aws_cloudwatch_metric_alarm.check_in_silent.comparison_operator == "LessThanThreshold"
    error_message = "silence is an alarm"
  }
  assert {
    condition     = aws_sns_topic_subscription.email[0].topic_arn == aws_sns_topic.alarms.arn
    error_message = "somebody is told"
  }

  # a dead queue that is watched is one that is
  assert {
    condition = alltrue([for key, queue in aws_sqs_queue.dead :
      aws_cloudwatch_metric_alarm.factory["dead-${key}"].dimensions == tomap({ QueueName = queue.name })
    ])
    error_message = "the alarms name the queues"
  }
}
