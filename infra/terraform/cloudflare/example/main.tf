# A factory for one team: copy this folder, put your factory.config.yaml beside it, and follow docs/cloudflare.md.

terraform {
  required_version = ">= 1.9"

  required_providers {
    cloudflare = {
      source  = "cloudflare/cloudflare"
      version = ">= 5.14, < 6"
    }
  }
}

provider "cloudflare" {} # CLOUDFLARE_API_TOKEN in the environment

module "factory" {
  source = "../"

  account_id = "00000000000000000000000000000000" # npx wrangler whoami
  tenants    = { acme = file("${path.module}/factory.config.yaml") }
  package    = "${path.module}/../../../../dist/cloudflare"

  secrets = [ # factory deploy cloudflare --dry-run
    "LINEAR_API_KEY", "LINEAR_WEBHOOK_SECRET", "SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "GITHUB_TOKEN", "GITHUB_WEBHOOK_SECRET",
    "FACTORY_WORKER_TOKEN", "FACTORY_STATUS_TOKEN",
  ]

  # domain = { zone_id = "…", hostname = "factory.example.com" }
}

output "factory" {
  value = module.factory
}
