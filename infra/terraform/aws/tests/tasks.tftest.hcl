# A machine for each run, and nothing of it unless it is asked for.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name    = "main"
  tenants = { acme = "intentProvider: linear", umbrella = "intentProvider: jira" }
  package = "versions.tf" # any file: its digest is all that is wanted here
}

run "nobody_has_tasks_unawares" {
  assert {
    condition     = length(aws_ecs_cluster.agents) + length(aws_ecs_task_definition.agent) + length(aws_cloudwatch_event_rule.task_ended) + length(aws_iam_role.task) == 0
    error_message = "no cluster, no task, no rule, no role"
  }
  assert {
    condition     = !contains(keys(aws_lambda_function.factory), "task_ended") && aws_lambda_function.factory["performer"].environment[0].variables.FACTORY_TASKS == "{}"
    error_message = "no function more, and nobody is told of tasks"
  }
  assert {
    condition     = !strcontains(join("", [for policy in aws_iam_role_policy.function : policy.policy]), "ecs:") && !strcontains(join("", [for policy in aws_iam_role_policy.function : policy.policy]), "PassRole")
    error_message = "no right to start any"
  }
}

run "a_task_for_each_run" {
  variables {
    tasks = { image = "registry.example/agent:1", subnets = ["subnet-1"], security_groups = ["sg-1"] }
  }

  assert {
    condition     = { for tenant, place in jsondecode(aws_lambda_function.factory["performer"].environment[0].variables.FACTORY_TASKS) : tenant => [place.definition, place.cluster, place.subnets, place.security_groups] } == { for tenant in ["acme", "umbrella"] : tenant => ["factory-main-${tenant}", aws_ecs_cluster.agents[0].arn, ["subnet-1"], ["sg-1"]] }
    error_message = "the functions know where each tenant's tasks run"
  }
  assert {
    condition = alltrue([for tenant, definition in aws_ecs_task_definition.agent :
      definition.execution_role_arn == aws_iam_role.task[tenant].arn && definition.task_role_arn == null
      && alltrue([for secret in jsondecode(definition.container_definitions)[0].secrets : startswith(secret.valueFrom, aws_secretsmanager_secret.task[tenant].arn)])
    ])
    error_message = "a task has no rights of its own, and its own tenant's secrets alone"
  }
  assert {
    condition     = alltrue([for tenant, policy in aws_iam_role_policy.task : jsondecode(policy.policy).Statement[0].Resource == [aws_secretsmanager_secret.task[tenant].arn]])
    error_message = "a start reads its own tenant's secret alone"
  }
  assert {
    condition     = alltrue([for secret in aws_secretsmanager_secret.task : secret.kms_key_id == aws_kms_key.factory.arn]) && aws_cloudwatch_log_group.tasks[0].kms_key_id == aws_kms_key.factory.arn
    error_message = "secrets and logs are under our key"
  }
  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.task_ended[0].event_pattern).detail == { clusterArn = [aws_ecs_cluster.agents[0].arn], lastStatus = ["STOPPED"] } && aws_cloudwatch_event_target.task_ended[0].arn == aws_lambda_function.factory["task_ended"].arn
    error_message = "what stops in our cluster is heard"
  }
  assert {
    condition = { for function, policy in aws_iam_role_policy.function : function => [for statement in jsondecode(policy.policy).Statement : statement.Sid if contains(["Tasks", "Starts"], statement.Sid)] } == {
      ingress = [], performer = ["Starts", "Tasks"], check_in = ["Starts", "Tasks"], fleet = [], task_ended = []
    }
    error_message = "who starts tasks"
  }
}
