# A machine for each run, for those who set `tasks`: a Fargate task that claims one run, does it, and is gone. It has no rights of
# its own; its token and its engine's sign-in come from a secret that only its start may read.

locals {
  task_tenants = var.tasks == null ? toset([]) : toset(keys(var.tenants))

  # What run_tasks.py is told of each tenant.
  places = { for tenant, definition in aws_ecs_task_definition.agent : tenant => {
    cluster         = one(aws_ecs_cluster.agents).arn
    definition      = definition.family
    subnets         = var.tasks.subnets
    security_groups = var.tasks.security_groups
    url             = aws_apigatewayv2_api.factory.api_endpoint
  } }
}

resource "aws_ecs_cluster" "agents" {
  # checkov:skip=CKV_AWS_65:Container Insights bills a custom metric for each task; how a run goes stands on the status page, and how it ended in its record
  count = var.tasks == null ? 0 : 1

  name = "factory-${var.name}"
}

resource "aws_ecs_task_definition" "agent" {
  # checkov:skip=CKV_AWS_336:An agent writes its work tree, and the engine its caches; the disk is gone with the task
  for_each = local.task_tenants

  family                   = "factory-${var.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.tasks.cpu
  memory                   = var.tasks.memory
  execution_role_arn       = aws_iam_role.task[each.key].arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.architecture == "arm64" ? "ARM64" : "X86_64"
  }

  container_definitions = jsonencode([{
    name        = "agent"
    image       = var.tasks.image
    essential   = true
    memory      = var.tasks.memory
    stopTimeout = 120 # the most: a last heartbeat, so that the factory hears what became of the run
    command     = ["sh", "-c", "exec factory worker --once --run \"$FACTORY_RUN\" --tenant \"$FACTORY_TENANT\" --url \"$FACTORY_URL\" --wall ${var.tasks.wall}"]
    secrets = [for name in ["FACTORY_WORKER_TOKEN", "GITHUB_TOKEN", "ENGINE_SIGN_IN"] : {
      name = name, valueFrom = "${aws_secretsmanager_secret.task[each.key].arn}:${name}::"
    }]
    logConfiguration = {
      logDriver = "awslogs"
      options   = { awslogs-group = one(aws_cloudwatch_log_group.tasks).name, awslogs-region = local.region, awslogs-stream-prefix = each.key }
    }
  }])
}

resource "aws_secretsmanager_secret" "task" {
  # checkov:skip=CKV2_AWS_57:As for a tenant's other secret: who issued these tokens has no API that a rotation function could call
  for_each = local.task_tenants

  name                    = "factory/${var.name}/${each.key}/task"
  kms_key_id              = aws_kms_key.factory.arn
  recovery_window_in_days = 7
}

resource "aws_cloudwatch_log_group" "tasks" {
  # checkov:skip=CKV_AWS_338:As for the functions, logs are for the one on call; what an agent did stands in its run
  count = var.tasks == null ? 0 : 1

  name              = "/factory/${var.name}/tasks"
  retention_in_days = var.log_days
  kms_key_id        = aws_kms_key.factory.arn
  depends_on        = [aws_kms_key_policy.factory]
}

# What ECS itself does to start a tenant's task; the task has no role.
resource "aws_iam_role" "task" {
  for_each = local.task_tenants

  name = "factory-${var.name}-task-${substr(sha256(each.key), 0, 12)}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "task" {
  for_each = local.task_tenants

  role = aws_iam_role.task[each.key].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["secretsmanager:GetSecretValue"], Resource = [aws_secretsmanager_secret.task[each.key].arn] },
      { Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = ["${one(aws_cloudwatch_log_group.tasks).arn}:*"] },
      {
        Effect   = "Allow"
        Action   = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = ["arn:${local.partition}:ecr:${local.region}:${local.account}:repository/*"]
      },
      { Effect = "Allow", Action = ["ecr:GetAuthorizationToken"], Resource = ["*"] }, # it knows no resources
    ]
  })
}

# A task that stopped. What gets lost on the way the lease and the check-in find.
resource "aws_cloudwatch_event_rule" "task_ended" {
  count = var.tasks == null ? 0 : 1

  name = "factory-${var.name}-task-ended"
  event_pattern = jsonencode({
    source      = ["aws.ecs"]
    detail-type = ["ECS Task State Change"]
    detail      = { clusterArn = [one(aws_ecs_cluster.agents).arn], lastStatus = ["STOPPED"] }
  })
}

resource "aws_cloudwatch_event_target" "task_ended" {
  count = var.tasks == null ? 0 : 1

  rule = one(aws_cloudwatch_event_rule.task_ended).name
  arn  = aws_lambda_function.factory["task_ended"].arn
}

resource "aws_lambda_permission" "task_ended" {
  count = var.tasks == null ? 0 : 1

  function_name = aws_lambda_function.factory["task_ended"].function_name
  action        = "lambda:InvokeFunction"
  principal     = "events.amazonaws.com"
  source_arn    = one(aws_cloudwatch_event_rule.task_ended).arn
}
