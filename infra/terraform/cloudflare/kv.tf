# What may be stale: what each status page showed last.
resource "cloudflare_workers_kv_namespace" "factory" {
  for_each = toset([for namespace in local.definition.kv_namespaces : namespace.binding])

  account_id = var.account_id
  title      = "factory-${var.name}-${lower(replace(each.key, "_", "-"))}"
}
