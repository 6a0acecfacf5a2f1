"""What a running factory logs: bounded by line and by kind, and harmless to the terminal that shows it."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from datetime import datetime
from pathlib import Path

import pytest

from adapters.logs.log_lines import FIELDS, MOST_FAULT, MOST_TEXT, of_tenant
from adapters.logs.repeated_lines import FIRST_PERIOD, LONGEST_PERIOD, MOST_TEXTS, RepeatLimiter
from factory_cli.output import Output
from factory_cli.place import places_of
from factory_cli.serve_log import log_to

pytestmark = pytest.mark.pure
SECRET = 'canary-ü-quote-"-secret'
HOSTILE = "\x1b]0;x\x07 \x9b31m \u202eevil\u2066 \u200b \u2028 \x7f"


class Written(io.StringIO):
    """What was logged until now."""

    def getvalue(self) -> str:
        logging.root.handlers[0].flush()
        return super().getvalue()


@pytest.fixture(params=[True, False], ids=["json", "text"])
def log(request: pytest.FixtureRequest, tmp_path: Path, unchanged_logging: None) -> Written:
    said = Written()
    out = Output(
        environment={"LINEAR_API_KEY": SECRET, "DATABASE_PASSWORD": PASSWORD, "XDG_STATE_HOME": str(tmp_path)},
        stdout=io.StringIO(),
        stderr=said,
    )
    log_to(out, verbose=True, as_json=request.param)
    return said


@pytest.mark.parametrize("action", ["refused", "webhook", "answered", "Triaged", HOSTILE])
def test_a_line_holds_nothing_that_steers_a_terminal(action: str, log: io.StringIO) -> None:
    """Whichever field what was sent stands in. Nor does a field begin another line."""
    fields = dict.fromkeys(set(FIELDS) - {"repeated"}, f"{HOSTILE}\n{HOSTILE}")
    logging.getLogger("factory.x").warning("no tenant %s", HOSTILE, extra=fields | {"action": action})
    line = log.getvalue()
    assert (line.count("\n") == 1 and line.isascii()) or not set(HOSTILE) - set(" 0x;]31mevil") & set(line)


PASSWORD = 'two\nlines "and" quotes'


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"https://user:{SECRET}@host/path",
        "https://oauth2:canary-unknown-1@host/path",
        "https://host/archive?ref=main&token=canary-unknown-2",
        "https://host/archive?access_token=canary-unknown-3#top",
        {"authorization": "Bearer canary-unknown-456789", "x-api-key": SECRET},
        ["git", "push", f"https://x:{SECRET}@host"],
        SECRET.encode().hex(),
        PASSWORD,
        {"password": PASSWORD},
        ValueError(SECRET, {"token": SECRET}),
    ],
)
def test_a_line_holds_no_secret(text: object, log: io.StringIO, tmp_path: Path) -> None:
    """Nor does the file of its traceback, which steers no terminal, either."""
    logging.getLogger("factory.x").warning("it is %s, %r", text, text, extra={"what": text, "item": text})
    try:
        raise ValueError(text, HOSTILE) from RuntimeError(text)
    except ValueError:
        logging.getLogger("factory.x").exception("it met %s", text)
    files = "".join(path.read_text() for path in tmp_path.rglob("fault-*.txt"))
    for shown in (log.getvalue(), files):
        assert not [part for part in ("canary", SECRET.encode().hex(), "two", "quotes") if part in shown]
    assert "[hidden]" in log.getvalue()
    assert not {sign for sign in files if not sign.isprintable()} - {"\n"}


class Fails:
    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __str__(self) -> str:
        raise self._error


@pytest.mark.parametrize("error", [ValueError("odd"), RecursionError("deep"), SystemExit(3), asyncio.CancelledError()])
def test_what_cannot_be_logged_stops_nobody(error: BaseException, log: io.StringIO) -> None:
    del logging.root.handlers[1:]  # those of the test runner raise
    logging.getLogger("factory.x").warning("it is %s", Fails(error))
    logging.getLogger("factory.x").warning(Fails(error))
    lines = log.getvalue()
    assert lines.count(f"cannot be written: {type(error).__name__}") == 2


def test_a_line_is_bounded(log: io.StringIO) -> None:
    try:
        raise ValueError("y" * 100_000)
    except ValueError:
        logging.getLogger("factory.x").exception("no tenant %s", "x" * 100_000, extra={"what": "z" * 100_000})
    line = log.getvalue()
    assert len(line) < 2 * MOST_TEXT + MOST_FAULT + 500 and line.count("\n") == 1
    if line.startswith("{"):
        assert json.loads(line)["level"] == "error"


def test_fields_are_stable_for_programs(unchanged_logging: None) -> None:
    said = Written()
    log_to(Output(environment={}, stdout=io.StringIO(), stderr=said), verbose=True, as_json=True)
    moved = {"action": "Triaged", "item": "ACME-1", "from": "new", "to": "queued"}
    with of_tenant("acme"):
        logging.getLogger("factory.runner").info("%s moved", "ACME-1", extra=moved)
    line = json.loads(said.getvalue())
    assert datetime.fromisoformat(line.pop("at")).tzinfo
    assert line == {
        "level": "info", "logger": "factory.runner", "message": "ACME-1 moved", "tenant": "acme", **moved,
    }  # fmt: skip


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def record(*args: object, level: int = logging.WARNING, **more: object) -> logging.LogRecord:
    made = logging.LogRecord("factory.x", level, "server.py", 1, "no tenant %s", args or ("x",), None)
    made.__dict__.update(more)
    return made


def texts(limiter: RepeatLimiter) -> list[str]:
    return [one.getMessage() for one in limiter.counted()]


def test_what_repeats_is_said_at_once_then_counted_ever_less_often() -> None:
    """Every ten seconds for a day: a line when it begins, and a count in periods that grow to an hour."""
    time = Time()
    limiter, passed, counts = RepeatLimiter(time), 0, list[int]()
    for number in range(24 * 360):
        time.now = number * 10
        passed += limiter.passes(record())
        counts += [one.__dict__["repeated"] for one in limiter.counted()]
    time.now += LONGEST_PERIOD
    counts += [one.__dict__["repeated"] for one in limiter.counted()]
    assert passed == 1 and len(counts) < 24 + 8 and 1 + sum(counts) == 24 * 360


def test_the_last_of_many_is_said_although_no_further_one_comes() -> None:
    time = Time()
    limiter = RepeatLimiter(time)
    passed = [limiter.passes(record(number)) for number in range(MOST_TEXTS + 5)]
    assert passed == [True] * MOST_TEXTS + [False] * 5 and texts(limiter) == []
    time.now = FIRST_PERIOD
    assert texts(limiter) == [f"no tenant {MOST_TEXTS + 4} (5 more like it since the line before)"]


def test_what_comes_again_after_a_silence_is_said_at_once() -> None:
    time = Time()
    limiter = RepeatLimiter(time)
    assert limiter.passes(record()) and not limiter.passes(record())
    for _ in range(2):
        time.now += 2 * FIRST_PERIOD
        texts(limiter)
    assert limiter.passes(record())


def test_a_text_that_is_made_anew_each_time_is_no_kind_of_its_own() -> None:
    """As asyncio's, which names the task in its template."""
    limiter = RepeatLimiter(Time())
    lines = [record() for _ in range(1000)]
    for number, line in enumerate(lines):
        line.msg, line.args = f"Task-{number} was destroyed", ()
    assert sum(map(limiter.passes, lines)) == MOST_TEXTS


def test_other_kinds_come_through_meanwhile() -> None:
    limiter = RepeatLimiter(Time())
    assert limiter.passes(record()) and not limiter.passes(record())
    assert limiter.passes(record(status=503)) and limiter.passes(record(level=logging.ERROR))
    with of_tenant("globex"):
        assert limiter.passes(record())


@pytest.mark.parametrize(("more", "limited"), [({}, False), ({"status": 200}, False), ({"status": 401}, True)])
def test_what_was_accepted_is_all_logged(more: dict[str, object], limited: bool) -> None:
    limiter = RepeatLimiter(Time())
    passed = [limiter.passes(record(level=logging.INFO, **more)) for _ in range(3)]
    assert all(passed) is not limited


def test_a_line_holds_no_secret_that_lies_beside_a_configuration_elsewhere(log: io.StringIO, tmp_path: Path) -> None:
    """With --config of another directory, and of several tenants: it is one log."""
    secrets = [f"canary-{tenant}-Qm9ndXM" for tenant in ("acme", "globex")]
    for tenant, secret in zip(("acme", "globex"), secrets, strict=True):
        (tmp_path / tenant).mkdir()
        names = {
            "tenant": tenant,
            "intentProvider": "linear",
            "clarificationChannel": "slack",
            "outputTarget": "github",
        }
        (tmp_path / tenant / "factory.config.yaml").write_text(json.dumps({**names, "repositories": {"acme/shop": {}}}))
        (tmp_path / tenant / ".env").write_text(f"export {tenant.upper()}_WORKER_TOKEN='{secret}'\n")
    out = Output(environment={}, stdout=io.StringIO(), stderr=io.StringIO())
    places = places_of([str(tmp_path / tenant / "factory.config.yaml") for tenant in ("acme", "globex")], out)
    logging.getLogger("factory.x").warning("it is %s", " or ".join(secrets))
    assert len(places) == 2 and "canary" not in log.getvalue() and log.getvalue().count("[hidden]") >= 2
