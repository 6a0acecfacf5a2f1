# One secret for each tenant, made empty: a person puts the value in, so that it is in no state file and in no plan.
# Its text is JSON, name to value: {"LINEAR_API_KEY": "…", "LINEAR_WEBHOOK_SECRET": ["new", "old"]}; a list while one is being changed.
resource "aws_secretsmanager_secret" "tenant" {
  # checkov:skip=CKV2_AWS_57:The vendors' consoles issue these tokens and have no API that a rotation function could call; two values in a list let a person change one without a gap
  for_each = var.tenants

  name                    = "factory/${var.name}/${each.key}"
  kms_key_id              = aws_kms_key.factory.arn
  recovery_window_in_days = 7
}
