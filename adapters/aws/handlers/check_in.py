"""The clock: once a minute, for each tenant, what is due is performed and what nobody told us is searched for.

EventBridge Scheduler sends exactly the input that infra/terraform/aws gave it; it may send one twice.
https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Field, ValidationError

from factory_core.errors import ConfigProblem, Problem, Terminal
from factory_core.overview import Observed, health
from factory_core.work_item import Frozen

from ...assembly import utc_now
from ..logger import function_logger
from ..performer import LambdaPerformer
from ..process import process, time_is_up
from ..tracer import traced
from ..unanswered import unanswered_until

logger = logging.getLogger("factory.aws")


class Tick(Frozen):
    """What the schedule says."""

    tenants: tuple[str, ...] = Field(min_length=1)


@function_logger.inject_lambda_context(clear_state=True)
@traced
def handler(event: Mapping[str, Any], context: Any) -> None:
    """Raises when a tenant could not be checked in for, after all the others were: an alarm goes by that."""
    function_logger.set_correlation_id(context.aws_request_id)
    failed = process().run(_checked_in(_tick(event), time_is_up(context)))
    if failed:
        why = "; ".join(f"{name}: {error}" for name, error in failed.items())
        raise Terminal(f"no check-in for {', '.join(failed)}", why=why, fix="factory deploy aws --dry-run")


def _tick(event: Mapping[str, Any]) -> Tick:
    try:
        return Tick.model_validate(event)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        fix = "In infra/terraform/aws: run terraform apply"
        raise ConfigProblem("the schedule's input is not a list of tenants", why=why, fix=fix) from None


async def _checked_in(tick: Tick, until: datetime) -> dict[str, BaseException]:
    """What failed, by tenant."""
    names = tuple(dict.fromkeys(tick.tenants))
    values = Counter[str]()
    unanswered = await unanswered_until(process().clients, process().deployment.api, utc_now())
    ended = await asyncio.gather(*(_one(name, until, unanswered, values) for name in names), return_exceptions=True)
    failed = {name: error for name, error in zip(names, ended, strict=True) if error is not None}
    for name, error in failed.items():
        said = f"{error}: {error.why}" if isinstance(error, Problem) else type(error).__name__
        logger.error("check-in of %s: %s", name, said, extra={"action": "check_in", "tenant": name})
    process().measure({**values, "CheckIns": len(names), "CheckInsFailed": len(failed)})
    return failed


async def _one(name: str, until: datetime, unanswered: datetime | None, values: Counter[str]) -> None:
    performer = LambdaPerformer(await process().tenants(name), until)
    try:
        for item, error in (await performer.check_in(unanswered)).items():
            logger.error("%s: %s", item, error, extra={"action": "perform", "tenant": name, "item": item})
    except TimeoutError:
        logger.warning("the search for missed events ran out of time", extra={"action": "sweep", "tenant": name})
    waited = (await health(Observed(performer.recorder))).oldest_waiting_effect_s or 0
    values.update(performer.counts)
    values["OldestWaitingEffect"] = max(values["OldestWaitingEffect"], round(waited))
