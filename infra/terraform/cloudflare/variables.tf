variable "account_id" {
  description = "The account: `npx wrangler whoami` shows it"
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{32}$", var.account_id))
    error_message = "account_id: 32 hexadecimal digits."
  }
}

variable "name" {
  description = "Names this factory: the Worker is factory-<name>"
  type        = string
  default     = "main"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}$", var.name))
    error_message = "name: a letter, then at most 19 of a-z, 0-9 and -."
  }
}

variable "tenants" {
  description = "Tenant to the text of its factory.config.yaml, e.g. { acme = file(\"factory.config.yaml\") }. No secrets in it."
  type        = map(string)

  validation {
    condition     = length(var.tenants) > 0 && alltrue([for tenant in keys(var.tenants) : can(regex("^[a-z0-9][a-z0-9-]{0,62}$", tenant))])
    error_message = "tenants: at least one; a tenant's name is 1 to 63 of a-z, 0-9 and -."
  }

  validation {
    condition     = alltrue([for text in values(var.tenants) : try(length(jsonencode(yamldecode(text))) <= 5000, false)])
    error_message = "tenants: YAML that is at most 5 kB as JSON; a variable of a Worker holds no more."
  }
}

variable "secrets" {
  description = "The names of the secrets, as `factory deploy cloudflare --dry-run` lists them. Their values are put in by a person; a name that is not here is dropped with the next version."
  type        = set(string)

  validation {
    condition     = alltrue([for name in var.secrets : can(regex("^[A-Z][A-Z0-9_]*$", name))])
    error_message = "secrets: names such as LINEAR_API_KEY, never values."
  }
}

variable "package" {
  description = "The folder that `make cloudflare-package` built"
  type        = string
}

variable "domain" {
  description = "Where the factory answers: a host name in a zone of this account; null: factory-<name>.<account>.workers.dev"
  type        = object({ zone_id = string, hostname = string })
  default     = null
}
