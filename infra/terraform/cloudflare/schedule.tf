# The check-in: it wakes what no alarm woke.
resource "cloudflare_workers_cron_trigger" "check_in" {
  account_id  = var.account_id
  script_name = cloudflare_worker.factory.name
  schedules   = [for cron in local.definition.triggers.crons : { cron = cron }]

  depends_on = [cloudflare_workers_deployment.factory]
}
