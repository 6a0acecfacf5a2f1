# What a person may set, and what he may not.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  tenants = { acme = "intentProvider: linear" }
  package = "versions.tf" # any file: its digest is all that is wanted here
}

run "a_new_account_needs_no_quota" {
  variables {
    concurrency = { ingress = -1, performer = -1, check_in = -1, fleet = -1 }
  }
  assert {
    condition     = alltrue([for made in aws_lambda_function.factory : made.reserved_concurrent_executions == -1])
    error_message = "nothing is reserved when nothing can be"
  }
}

run "a_function_is_not_switched_off_by_mistake" {
  command = plan
  variables {
    concurrency = { ingress = 0 }
  }
  expect_failures = [var.concurrency]
}

run "a_factory_without_a_tenant_is_none" {
  command = plan
  variables {
    tenants = {}
  }
  expect_failures = [var.tenants]
}
