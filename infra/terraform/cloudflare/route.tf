resource "cloudflare_workers_custom_domain" "factory" {
  count = var.domain == null ? 0 : 1

  account_id = var.account_id
  zone_id    = var.domain.zone_id
  hostname   = var.domain.hostname
  service    = cloudflare_worker.factory.name

  depends_on = [cloudflare_workers_deployment.factory] # a name that leads to nothing would answer with errors
}
