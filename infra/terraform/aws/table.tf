# The factory's memory. adapters/aws/table.py describes the same table to the tests' emulators.

resource "aws_dynamodb_table" "factory" {
  name                        = "factory-${var.name}"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "pk" # the tenant: one tenant's query never meets another's items
  range_key                   = "sk"
  deletion_protection_enabled = var.deletion_protection

  # The filter of the stream looks for `work` in what now stands; nobody asks what stood before.
  stream_enabled   = true
  stream_view_type = "NEW_IMAGE"

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  attribute {
    name = "wake_at"
    type = "N"
  }

  # Sparse: only what has to be woken is in it, so a tick costs what is due and not what exists.
  global_secondary_index {
    name            = "due"
    hash_key        = "pk"
    range_key       = "wake_at"
    projection_type = "KEYS_ONLY"
  }

  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.factory.arn
  }
}
