# What the Worker runs. wrangler.jsonc in the package is the one definition of date, flags, class, binding and schedule: here it is read, and
# `wrangler deploy --dry-run` judges it.

locals {
  definition = jsondecode(replace(file("${var.package}/wrangler.jsonc"), "/(?m)^\\s*//.*$/", "")) # without its comments
  module     = dirname(local.definition.main)

  # Names as wrangler gives them: the code's own without its folder, the vendored packages' with theirs.
  files = merge(
    { for file in fileset("${var.package}/${local.module}", "**") : file => "${var.package}/${local.module}/${file}" },
    { for file in fileset(var.package, "python_modules/**") : file => "${var.package}/${file}" },
  )
  modules = [for name, file in local.files : {
    name         = name
    content_file = file
    content_type = endswith(name, ".py") ? "text/x-python" : "application/octet-stream"
  } if !endswith(name, ".pyc")]
}

# A Durable Object's class is born with the deployment of a version that migrates to it, and only a later version can be bound to it. So it is born
# here, once, in a version that is never changed again: https://developers.cloudflare.com/workers/platform/infrastructure-as-code/
resource "cloudflare_worker_version" "birth" {
  account_id         = var.account_id
  worker_id          = cloudflare_worker.factory.id
  compatibility_date = local.definition.compatibility_date
  main_module        = "birth.js"

  modules = [{ name = "birth.js", content_file = "${path.module}/birth.js", content_type = "application/javascript+module" }]
  migrations = {
    new_tag            = one(local.definition.migrations).tag # a second one would need a version of its own
    new_sqlite_classes = one(local.definition.migrations).new_sqlite_classes
  }

  lifecycle {
    ignore_changes = all
  }
}

resource "cloudflare_workers_deployment" "birth" {
  account_id  = var.account_id
  script_name = cloudflare_worker.factory.name
  strategy    = "percentage"
  versions    = [{ percentage = 100, version_id = cloudflare_worker_version.birth.id }]

  lifecycle {
    ignore_changes = all
  }
}

# A version reads back an inherited secret as a secret, which looks like a change; so what was asked for is kept here.
resource "terraform_data" "bindings" {
  input = local.bindings
}

resource "cloudflare_worker_version" "factory" {
  account_id          = var.account_id
  worker_id           = cloudflare_worker.factory.id
  compatibility_date  = local.definition.compatibility_date
  compatibility_flags = local.definition.compatibility_flags
  limits              = { cpu_ms = local.definition.limits.cpu_ms }
  main_module         = basename(local.definition.main)
  modules             = local.modules
  bindings            = local.bindings

  lifecycle {
    create_before_destroy = true
    ignore_changes        = [bindings]
    replace_triggered_by  = [terraform_data.bindings]
  }

  depends_on = [cloudflare_workers_deployment.birth]
}

resource "cloudflare_workers_deployment" "factory" {
  account_id  = var.account_id
  script_name = cloudflare_worker.factory.name
  strategy    = "percentage"
  versions    = [{ percentage = 100, version_id = cloudflare_worker_version.factory.id }]

  lifecycle {
    create_before_destroy = true
  }
}
