# A factory for one team: copy this folder, put your factory.config.yaml beside it, and follow docs/aws.md.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.25, < 7"
    }
  }
}

provider "aws" {
  region = "eu-central-1"

  default_tags {
    tags = { app = "ticket-factory" }
  }
}

module "factory" {
  source = "../"

  tenants = { acme = file("${path.module}/factory.config.yaml") }
  package = "${path.module}/../../../../dist/factory-aws-arm64.zip"

  alarm_email = "" # who is called at night
  # A new account runs at most 10 functions at once and lets none be reserved: until its quota is raised, say
  # concurrency = { ingress = -1, performer = -1, check_in = -1, fleet = -1 }
}

output "factory" {
  value = module.factory
}
