"""Which repository people chose for a project, in answer to the factory's question; and forget such a choice."""

from __future__ import annotations

import argparse
import asyncio

from factory_core.dispatch.batch import Batch
from factory_core.dispatch.routing import project_name
from factory_core.errors import Refused, VersionConflict
from factory_core.performing.event_recorder import EventRecorder

from .output import Output
from .place import config_argument, place_of, recorder_at


class UnknownProject(Refused):
    """No choice is remembered for that project."""

    code, exit_code = "E-NO-ROUTE", 1

    def __init__(self) -> None:
        why = "nobody was asked about it, or its choice was forgotten"
        super().__init__("No choice is remembered for that project.", why=why, fix="factory routes")


def arguments(parser: argparse.ArgumentParser) -> None:
    config_argument(parser)
    parser.add_argument("--forget", metavar="PROJECT", default="", help="ask again for the next ticket of this project")


def run(args: argparse.Namespace, out: Output) -> int:
    with recorder_at(place_of(args.config, out)) as recorder:
        batch = asyncio.run(_forget(recorder, project_name(args.forget)) if args.forget else recorder.store.get_batch())
    routes = {name: known.model_dump(mode="json") for name, known in batch.routes.items()}
    document = {"schema": "factory.routes/1", "forgot": project_name(args.forget) or None, "routes": routes}
    return out.answer(document, _text(batch, args.forget))


async def _forget(recorder: EventRecorder, project: str) -> Batch:
    while True:
        batch = await recorder.store.get_batch()
        if project not in batch.routes:
            raise UnknownProject
        routes = {name: known for name, known in batch.routes.items() if name != project}
        try:
            return await recorder.store.put_batch(batch.model_copy(update={"routes": routes}))
        except VersionConflict:
            continue


def _text(batch: Batch, forgotten: str) -> str:
    lines = [f"Forgotten: the next ticket of {project_name(forgotten)} is asked about."] if forgotten else []
    lines += [f"{name} → {one.repository}  ({one.key}, {one.at:%Y-%m-%d})" for name, one in batch.routes.items()]
    return "\n".join(lines or ["No choice is remembered: every ticket was routed by the configuration."])
