# What a person may set, and what he may not.

mock_provider "cloudflare" {}

variables {
  account_id = "0123456789abcdef0123456789abcdef"
  tenants    = { acme = "intentProvider: linear" }
  secrets    = ["LINEAR_API_KEY"]
}

run "a_factory_without_a_tenant_is_none" {
  command = plan
  variables {
    tenants = {}
  }
  expect_failures = [var.tenants]
}

run "a_configuration_fits_into_a_variable" {
  command = plan
  variables {
    tenants = { acme = "x: ${join("", [for number in range(1000) : "12345"])}" }
  }
  expect_failures = [var.tenants]
}

run "a_secret_is_named_and_not_given" {
  command = plan
  variables {
    secrets = ["lin_api_0123456789"]
  }
  expect_failures = [var.secrets]
}
