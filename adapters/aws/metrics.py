"""What the functions count. The alarms go by these names.

https://docs.powertools.aws.dev/lambda/python/latest/core/metrics/
"""

from __future__ import annotations

from collections.abc import Mapping

from aws_lambda_powertools import Metrics

NAMESPACE = "TicketFactory"
METRICS = {
    "WebhooksAccepted": "Count",  # saved and answered 2xx
    "WebhooksRefused": "Count",  # 4xx: nobody's, or malformed
    "WebhooksFailed": "Count",  # 5xx: the sender sends it again
    "EffectsPerformed": "Count",
    "EffectsFailed": "Count",  # each try counts
    "UnreadableRecords": "Count",  # sent to the dead-letter queue
    "CheckIns": "Count",  # tenants that were checked in for
    "CheckInsFailed": "Count",
    "OldestWaitingEffect": "Seconds",  # of all tenants; 0 when nothing that is due waits
}
"""Name → CloudWatch's unit. Their one dimension is `factory`, the name of the deployment."""


def measure(values: Mapping[str, float], factory: str) -> None:
    """One line for CloudWatch, with what was counted; none for nothing.

    `service` is empty, for Powertools would make it a second dimension, and the alarms would find no metric.
    """
    if not values:
        return
    metrics = Metrics(namespace=NAMESPACE, service="")
    metrics.set_default_dimensions(factory=factory)
    for name, value in values.items():
        metrics.add_metric(name=name, unit=METRICS[name], value=value)
    metrics.flush_metrics()
