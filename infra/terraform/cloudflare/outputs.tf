locals {
  address = "https://${var.domain == null ? "${cloudflare_worker.factory.name}.<your subdomain>.workers.dev" : var.domain.hostname}"
}

output "worker" {
  description = "For wrangler: npx wrangler secret bulk … --name <worker>"
  value       = cloudflare_worker.factory.name
}

output "status" {
  description = "The status page, for those who have its token"
  value       = "${local.address}/"
}

output "webhooks" {
  description = "What to register with each vendor, by tenant"
  value = { for tenant in keys(var.tenants) : tenant => {
    for provider in ["linear", "slack", "github"] : provider => "${local.address}/hooks/${tenant}/${provider}"
  } }
}

output "version" {
  description = "The version that runs"
  value       = cloudflare_worker_version.factory.id
}

output "birth" {
  description = "The version with which the Durable Objects' class was born"
  value       = cloudflare_worker_version.birth.id
}
