# What the code finds in its environment.
locals {
  objects = [for binding in local.definition.durable_objects.bindings : {
    type = "durable_object_namespace", name = binding.name, class_name = binding.class_name, namespace_id = null, text = null
  }]

  namespaces = [for namespace in local.definition.kv_namespaces : {
    type = "kv_namespace", name = namespace.binding, class_name = null, namespace_id = cloudflare_workers_kv_namespace.factory[namespace.binding].id, text = null
  }]

  configurations = [for tenant, text in var.tenants : {
    type         = "plain_text"
    name         = length(var.tenants) == 1 ? "FACTORY_CONFIG" : "FACTORY_CONFIG_${upper(replace(tenant, "-", "_"))}"
    text         = jsonencode(merge(yamldecode(text), { tenant = tenant }))
    class_name   = null
    namespace_id = null
  }]

  # A secret's value is put in by a person, with wrangler, and is handed on from version to version by Cloudflare itself: it is in no state
  # file and in no plan. One that nobody has put in yet is left out, and the factory refuses what needs it.
  secrets = [for name in var.secrets : { type = "inherit", name = name, text = null, class_name = null, namespace_id = null }]

  bindings = concat(local.objects, local.namespaces, local.configurations, local.secrets)
}
