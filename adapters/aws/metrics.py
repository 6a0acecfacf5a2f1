"""What the functions count, one line in CloudWatch's embedded metric format a call. The alarms go by these names.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

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


def line(values: Mapping[str, float], factory: str, at: datetime) -> str:
    """One JSON document; CloudWatch reads it out of the log."""
    metrics = [{"Name": name, "Unit": METRICS[name]} for name in values]
    said: dict[str, Any] = {
        "_aws": {
            "Timestamp": round(at.timestamp() * 1000),
            "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [["factory"]], "Metrics": metrics}],
        },
        "factory": factory,
        **values,
    }
    return json.dumps(said)
