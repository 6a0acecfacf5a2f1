# The Worker: its name, its logs, its address. What it runs is a version of it, in version.tf.
resource "cloudflare_worker" "factory" {
  account_id = var.account_id
  name       = "factory-${var.name}"

  # What the factory says of itself is kept; what the platform would say of each request, with its headers and so its signatures, is not.
  observability = {
    enabled = local.definition.observability.enabled
    logs    = { enabled = true, head_sampling_rate = 1, invocation_logs = false }
  }

  subdomain = {
    enabled          = var.domain == null # one door, not two
    previews_enabled = false              # an old version would answer webhooks with the same secrets
  }
}
