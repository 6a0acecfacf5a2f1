variable "name" {
  description = "Names this factory: part of every resource's name, of /factory/<name>/… and of factory/<name>/…"
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
    condition     = alltrue([for tenant in keys(var.tenants) : length("factory-${var.name}-runs-${tenant}") <= 80])
    error_message = "tenants: a queue's name is at most 80 characters, factory-<name>-runs-<tenant>."
  }

  validation {
    condition     = alltrue([for text in values(var.tenants) : length(text) <= 8192])
    error_message = "tenants: a parameter holds at most 8 kB of configuration."
  }
}

variable "package" {
  description = "The zip that `make aws-package` built for `architecture`"
  type        = string
}

variable "architecture" {
  description = "arm64 costs a fifth less than x86_64 for the same work"
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture: arm64 or x86_64."
  }
}

variable "concurrency" {
  description = "At most so many of each function at once; -1 reserves nothing, which a new account with a quota of 10 needs"
  type        = object({ ingress = optional(number, 20), performer = optional(number, 10), check_in = optional(number, 1), fleet = optional(number, 10), task_ended = optional(number, 5) })
  default     = {}

  validation {
    condition     = alltrue([for reserved in values(var.concurrency) : reserved == -1 || reserved >= 1])
    error_message = "concurrency: at least 1, or -1 to reserve nothing; 0 would switch the function off."
  }
}

variable "tasks" {
  description = "A Fargate task for each run instead of workers that ask: its image, and where it may run; null: none. docs/aws.md"
  type = object({
    image           = string       # with git, an engine and `factory`, for `architecture`
    subnets         = list(string) # public ones: the task gets an address, and needs no NAT gateway
    security_groups = list(string) # that let nothing in
    cpu             = optional(number, 1024)
    memory          = optional(number, 4096)
    wall            = optional(string, "container") # off: an agent may read the task's secrets and reach every address
  })
  default = null

  validation {
    condition     = var.tasks == null ? true : contains(["container", "off"], var.tasks.wall)
    error_message = "tasks.wall: container or off; Fargate allows no user namespaces."
  }
}

variable "throttle" {
  description = "Requests a second through the public door, and how many at once; beyond them 429, and the vendors send again"
  type        = object({ rate = optional(number, 25), burst = optional(number, 50) })
  default     = {}
}

variable "log_days" {
  description = "How long logs are kept; what happened to a ticket stands in its record, not here"
  type        = number
  default     = 30
}

variable "alarm_email" {
  description = "Who is told when an alarm fires; empty: subscribe to the topic in the outputs yourself"
  type        = string
  default     = ""
}

variable "deletion_protection" {
  description = "The table cannot be deleted while this is true"
  type        = bool
  default     = true
}
