# What each tenant's factory.config.yaml says: read by every function, written by Terraform alone.
resource "aws_ssm_parameter" "tenant" {
  for_each = var.tenants

  name   = "/factory/${var.name}/tenants/${each.key}/config"
  type   = "SecureString"
  key_id = aws_kms_key.factory.arn
  tier   = "Intelligent-Tiering" # free up to 4 kB, then 8 kB
  value  = each.value
}
