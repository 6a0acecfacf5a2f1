"""Everything that a round takes, in its order: each floor beside what is held against it."""

from __future__ import annotations

from importlib.util import find_spec

from .floors import asgi, rates
from .measure import Figure, Measure
from .ours import acks, hosts, killed, lifecycles, resume, serving, starts, store, webhooks
from .peers.played import FAST, PEERS, as_it_comes, measure

PER_SECOND, MS, BYTES, MB, PERCENT, DOLLARS, COUNT = "/s", "ms", "B", "MB", "%", "$", ""

OURS = (
    Measure("parse", {
        "floor.parse": Figure("floor: HMAC + json.loads, 4 KB", PER_SECOND),
        "factory.parse": Figure("verify + typed parse, 4 KB", PER_SECOND, "floor.parse"),
        "factory.events_in": Figure("verify, parse, and what it means (events_in)", PER_SECOND, "floor.parse"),
    }, webhooks.parse),
    Measure("floor-event", {
        "floor.event": Figure("floor: durable event", PER_SECOND),
        "floor.event.x32": Figure("floor: durable event, 32 to a commit", PER_SECOND, "floor.event"),
    }, rates.event),
    Measure("store", {"factory.event": Figure("store event", PER_SECOND, "floor.event")}, store.store),
    Measure("commits", {
        "factory.commits.webhook": Figure("commits per webhook", COUNT),
        "factory.commits.redelivery": Figure("commits per webhook that comes again", COUNT),
        "factory.commits.effect": Figure("commits per delivered effect", COUNT),
    }, webhooks.commits),
    Measure("floor-http", {
        "floor.http.none.c1": Figure("floor: raw ASGI, no event, 1 connection", PER_SECOND),
        "floor.http.none.c32": Figure("floor: raw ASGI, no event, 32 connections", PER_SECOND),
        "floor.http.event.c1": Figure("floor: raw ASGI + event, 1 connection", PER_SECOND),
        "floor.http.event.c32": Figure("floor: raw ASGI + event, 32 connections", PER_SECOND),
        "floor.http.group.c32": Figure("floor: raw ASGI + event, group commit, 32 connections", PER_SECOND),
    }, asgi.http),
    Measure("floor-http-fast", {
        f"floor.http.{form}.fast.c32": Figure(
            f"floor: {words}, 32 connections, with httptools and uvloop", PER_SECOND, f"floor.http.{form}.c32"
        )
        for form, words in {
            "none": "raw ASGI, no event", "event": "raw ASGI + event", "group": "raw ASGI + event, group commit",
        }.items()
    }, asgi.fast_http, FAST.missing()),
    Measure("acks", {
        "factory.ack.c1": Figure("webhook to ack, 1 connection", PER_SECOND, "floor.http.event.c1"),
        "factory.ack.c32": Figure("webhook to ack, 32 connections", PER_SECOND, "floor.http.event.c32"),
    }, acks.acks),
    Measure("floor-lifecycle", {
        "floor.lifecycle.c1": Figure("floor: lifecycles, 1 at once", PER_SECOND),
        "floor.lifecycle.c32": Figure("floor: lifecycles, 32 at once, group commit", PER_SECOND),
        "floor.lifecycle.commits": Figure("floor: commits per lifecycle", COUNT),
        "floor.lifecycle.rows": Figure("floor: rows per lifecycle", COUNT),
        "floor.lifecycle.bytes": Figure("floor: disk per lifecycle", BYTES),
    }, rates.lifecycle),
    Measure("lifecycle", {
        "factory.lifecycle.c1": Figure("lifecycles as the peers', 1 at once", PER_SECOND, "floor.lifecycle.c1"),
        "factory.lifecycle.c32": Figure("lifecycles as the peers', 32 at once", PER_SECOND, "floor.lifecycle.c32"),
        "factory.lifecycle.commits": Figure("commits per such lifecycle", COUNT, "floor.lifecycle.commits"),
        "factory.lifecycle.rows": Figure("rows per such lifecycle", COUNT, "floor.lifecycle.rows"),
        "factory.lifecycle.bytes": Figure("disk per such lifecycle", BYTES, "floor.lifecycle.bytes"),
    }, lifecycles.lifecycle),
    Measure("ticket", {
        "factory.ticket.c1": Figure("whole vague tickets to merged, 1 at once", PER_SECOND, "floor.lifecycle.c1"),
        "factory.ticket.c32": Figure("whole vague tickets to merged, 32 at once", PER_SECOND, "floor.lifecycle.c32"),
        "factory.ticket.commits": Figure("commits per whole ticket", COUNT),
        "factory.ticket.rows": Figure("rows per whole ticket", COUNT),
        "factory.ticket.bytes": Figure("disk per whole ticket", BYTES),
    }, lifecycles.ticket),
    Measure("floor-resume", {
        "floor.resume.few": Figure("floor: resume p50, {few:,} waiting", MS),
        "floor.resume.many": Figure("floor: resume p50, {many:,} waiting", MS, "floor.resume.few"),
    }, rates.resume),
    Measure("resume", {
        "factory.resume.few": Figure("resume p50, {few:,} waiting", MS, "floor.resume.few"),
        "factory.resume.some": Figure("resume p50, {some:,} waiting", MS, "factory.resume.few"),
        "factory.resume.many": Figure("resume p50, {many:,} waiting", MS, "factory.resume.few"),
    }, resume.resume),
    Measure("idle", {
        "factory.idle_cpu.few": Figure("idle CPU of the server, {few:,} waiting", PERCENT),
        "factory.idle_cpu.many": Figure("idle CPU of the server, {many:,} waiting", PERCENT),
        "factory.rss.few": Figure("idle memory of the server, {few:,} waiting", MB),
        "factory.rss.many": Figure("idle memory of the server, {many:,} waiting", MB, "factory.rss.few"),
    }, serving.idle),
    Measure("restart", {
        "factory.restart.empty": Figure("start to first ack, nothing waiting", MS),
        "factory.restart.many": Figure("start to first ack, {many:,} waiting", MS, "factory.restart.empty"),
        "factory.reexecuted": Figure("records written by that start", COUNT),
    }, serving.restart),
    Measure("killed", {
        "factory.kill.amid": Figure("effects under way when the server is killed", COUNT),
        "factory.kill.acted": Figure("of them performed, and the server not told", COUNT, "factory.kill.amid"),
        "factory.kill.twice": Figure("effects performed twice after the restart, in the vendor's eyes", COUNT),
    }, killed.killed),
    Measure("starts", {
        "floor.python": Figure("floor: python -c pass", MS),
        "factory.help": Figure("factory --help", MS, "floor.python"),
        "factory.import.core": Figure("import of the core, over bare Python", MS, "floor.python"),
        "factory.import.server": Figure("import of the local server, over bare Python", MS, "floor.python"),
        "floor.init": Figure("floor: init", MS),
        "factory.init": Figure("init", MS, "floor.init"),
    }, starts.starts),
    Measure("aws-start", {
        "floor.aws.import": Figure("floor: import of 15 plain models and a boto3 client, over bare Python", MS),
        "factory.aws.import": Figure("import of the webhooks' Lambda, over bare Python", MS, "floor.aws.import"),
    }, hosts.cold, "" if find_spec("boto3") else "boto3 is not installed: it comes with the extra `aws`"),
    Measure("clouds", {
        "factory.aws.trips": Figure("DynamoDB: round trips before an acknowledgement, mean of five", COUNT),
        "factory.aws.writes": Figure("DynamoDB: write units of a lifecycle, its index in", COUNT),
        "factory.aws.redelivery": Figure("DynamoDB: write units of a webhook that comes again", COUNT),
        "step-functions.price": Figure("floor: a million lifecycles in Step Functions Standard", DOLLARS),
        "factory.aws.price": Figure("a million lifecycles in DynamoDB", DOLLARS, "step-functions.price"),
        "factory.object.requests": Figure("Durable Object: requests for a webhook", COUNT),
        "factory.object.rows": Figure("Durable Object: rows written in a lifecycle, alarms in", COUNT),
    }, hosts.counted),
)  # fmt: skip

MEASURES = (*OURS, *map(measure, PEERS), *(as_it_comes(peer) for peer in PEERS if peer.tuned))
FIGURES = {name: figure for one in MEASURES for name, figure in one.figures.items()}
