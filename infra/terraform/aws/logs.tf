resource "aws_cloudwatch_log_group" "function" {
  # checkov:skip=CKV_AWS_338:Logs are for the one on call; what happened to a ticket is kept in its record. Set log_days where a law asks for a year
  for_each = local.functions

  name              = "/factory/${var.name}/${each.key}"
  retention_in_days = var.log_days
  kms_key_id        = aws_kms_key.factory.arn
  depends_on        = [aws_kms_key_policy.factory]
}

resource "aws_cloudwatch_log_group" "access" {
  # checkov:skip=CKV_AWS_338:Who called which address is for the one on call; set log_days where a law asks for a year
  name              = "/factory/${var.name}/access"
  retention_in_days = var.log_days
  kms_key_id        = aws_kms_key.factory.arn
  depends_on        = [aws_kms_key_policy.factory]
}
