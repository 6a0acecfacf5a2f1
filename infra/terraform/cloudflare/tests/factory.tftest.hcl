# What must not be lost in an edit. After `make cloudflare-package`: terraform test -var package=../../../dist/cloudflare
# `make test` runs it for all; the provider is mocked, no account is asked.

mock_provider "cloudflare" {}

variables {
  account_id = "0123456789abcdef0123456789abcdef"
  tenants    = { acme = "intentProvider: linear" }
  secrets    = ["LINEAR_API_KEY", "LINEAR_WEBHOOK_SECRET"]
  domain     = { zone_id = "z1", hostname = "factory.acme.example" }
}

run "a_factory_of_one_tenant" {
  # one door
  assert {
    condition     = !cloudflare_worker.factory.subdomain.enabled && !cloudflare_worker.factory.subdomain.previews_enabled
    error_message = "with a domain, no second address; and never one for an old version"
  }
  assert {
    condition     = cloudflare_workers_custom_domain.factory[0].service == "factory-main" && cloudflare_workers_custom_domain.factory[0].hostname == "factory.acme.example"
    error_message = "the name leads to the Worker"
  }
  assert {
    condition     = output.webhooks.acme.linear == "https://factory.acme.example/hooks/acme/linear"
    error_message = "the addresses to register are printed for each tenant"
  }

  # the class is born before anything is bound to it, and once
  assert {
    condition     = cloudflare_worker_version.birth.migrations.new_sqlite_classes == tolist(["FactoryObject"]) && cloudflare_worker_version.birth.bindings == null
    error_message = "the first version has the class and no binding"
  }
  assert {
    condition     = cloudflare_worker_version.factory.migrations == null
    error_message = "no later version repeats the migration"
  }
  assert {
    condition     = strcontains(file("birth.js"), "export class ${cloudflare_worker_version.birth.migrations.new_sqlite_classes[0]} ")
    error_message = "the first version exports the class that it migrates to"
  }

  # the version is the package
  assert {
    condition = (
      cloudflare_worker_version.factory.main_module == "main.py"
      && cloudflare_worker_version.factory.compatibility_date == local.definition.compatibility_date
      && cloudflare_worker_version.factory.compatibility_flags == toset(["python_workers"])
      && cloudflare_worker_version.factory.limits.cpu_ms == local.definition.limits.cpu_ms
    )
    error_message = "date, flags and limits are those that wrangler judged"
  }
  assert {
    condition = alltrue([for module in cloudflare_worker_version.factory.modules :
      module.content_type == (endswith(module.name, ".py") ? "text/x-python" : "application/octet-stream") && !endswith(module.name, ".pyc")
    ])
    error_message = "every file in the kind that wrangler gives it, and no compiled Python"
  }
  assert {
    condition     = length(setsubtract(["main.py", "python_modules/pydantic/__init__.py"], [for module in cloudflare_worker_version.factory.modules : module.name])) == 0
    error_message = "the code's names are without its folder, the vendored packages' with theirs"
  }
  assert {
    condition     = one(cloudflare_workers_deployment.factory.versions).version_id == cloudflare_worker_version.factory.id && one(cloudflare_workers_deployment.factory.versions).percentage == 100
    error_message = "all of the traffic goes to this version"
  }

  # what the code finds
  assert {
    condition     = { for binding in cloudflare_worker_version.factory.bindings : binding.name => binding.type } == { FACTORY = "durable_object_namespace", LAST_REPORTS = "kv_namespace", FACTORY_CONFIG = "plain_text", LINEAR_API_KEY = "inherit", LINEAR_WEBHOOK_SECRET = "inherit" }
    error_message = "the object, the configuration, the secrets, what was shown last; nothing else"
  }
  assert {
    condition     = [for binding in cloudflare_worker_version.factory.bindings : binding.namespace_id if binding.name == "LAST_REPORTS"] == [cloudflare_workers_kv_namespace.factory["LAST_REPORTS"].id]
    error_message = "what was shown last is kept in the namespace that is made here"
  }
  assert {
    condition     = [for binding in cloudflare_worker_version.factory.bindings : jsondecode(binding.text) if binding.name == "FACTORY_CONFIG"] == [{ intentProvider = "linear", tenant = "acme" }]
    error_message = "the configuration is JSON and knows its tenant"
  }
  assert {
    condition     = alltrue([for binding in cloudflare_worker_version.factory.bindings : binding.text == null if binding.type != "plain_text"])
    error_message = "no secret's value is in here"
  }

  # the clock, and what is said
  assert {
    condition     = [for schedule in cloudflare_workers_cron_trigger.check_in.schedules : schedule.cron] == local.definition.triggers.crons
    error_message = "the check-in ticks"
  }
  assert {
    condition     = cloudflare_worker.factory.observability.enabled && cloudflare_worker.factory.observability.logs.enabled && !cloudflare_worker.factory.observability.logs.invocation_logs
    error_message = "logs are kept; headers, which hold signatures and tokens, are not"
  }
}

run "a_second_tenant_makes_a_new_version" {
  variables {
    tenants = { acme = "intentProvider: linear", blue-sky = "intentProvider: linear" }
    secrets = ["ACME_LINEAR_API_KEY", "BLUE_SKY_LINEAR_API_KEY"]
  }
  assert {
    condition     = toset([for binding in cloudflare_worker_version.factory.bindings : binding.name]) == toset(["FACTORY", "LAST_REPORTS", "FACTORY_CONFIG_ACME", "FACTORY_CONFIG_BLUE_SKY", "ACME_LINEAR_API_KEY", "BLUE_SKY_LINEAR_API_KEY"])
    error_message = "each tenant has its own configuration and its own secrets"
  }
  assert {
    condition     = cloudflare_worker_version.factory.id != run.a_factory_of_one_tenant.version
    error_message = "what a version is bound to cannot be changed: there is a new one"
  }
  assert {
    condition     = cloudflare_worker_version.birth.id == run.a_factory_of_one_tenant.birth
    error_message = "the class is not born again: its objects, and all records, would be in question"
  }
}

run "without_a_domain_it_answers_on_workers_dev" {
  variables {
    domain = null
  }
  assert {
    condition     = cloudflare_worker.factory.subdomain.enabled && length(cloudflare_workers_custom_domain.factory) == 0
    error_message = "there is an address from the first day"
  }
}
