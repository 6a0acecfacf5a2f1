"""What a running factory logs: bounded by line and by kind, and harmless to the terminal that shows it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from factory_cli.output import Output
from factory_cli.place import places_of
from factory_cli.serve_log import MOST_FAULT, MOST_TEXT, PER_MINUTE, Rate, log_to

pytestmark = pytest.mark.pure
SECRET = 'canary-ü-quote-"-secret'
HOSTILE = "\x1b]0;x\x07 \x9b31m \u202eevil\u2066 \u200b \u2028 \x7f"


@pytest.fixture(params=[True, False], ids=["json", "text"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[io.StringIO]:
    kept = logging.root.handlers[:]
    said = io.StringIO()
    out = Output(
        environment={"LINEAR_API_KEY": SECRET, "XDG_STATE_HOME": str(tmp_path)}, stdout=io.StringIO(), stderr=said
    )
    log_to(out, verbose=True, as_json=request.param)
    yield said
    logging.root.handlers[:] = kept


def test_a_line_holds_nothing_that_steers_a_terminal(log: io.StringIO) -> None:
    logging.getLogger("factory.x").warning("no tenant %s", HOSTILE, extra={"action": "refused", "what": HOSTILE})
    assert not set(HOSTILE) - set(" 0x;]31mevil") & set(log.getvalue())


def test_a_line_holds_no_secret(log: io.StringIO) -> None:
    logging.getLogger("factory.x").warning("it is %s", SECRET)
    assert "canary" not in log.getvalue() and "[hidden]" in log.getvalue()


def test_a_line_is_bounded(log: io.StringIO) -> None:
    try:
        raise ValueError("y" * 100_000)
    except ValueError:
        logging.getLogger("factory.x").exception("no tenant %s", "x" * 100_000, extra={"what": "z" * 100_000})
    line = log.getvalue()
    assert len(line) < 2 * MOST_TEXT + MOST_FAULT + 500 and line.count("\n") == 1
    if line.startswith("{"):
        assert json.loads(line)["level"] == "error"


def record(created: float, line: int = 1, level: int = logging.WARNING, **more: object) -> logging.LogRecord:
    made = logging.LogRecord("factory.x", level, "server.py", line, "no tenant %s", ("x",), None)
    made.__dict__.update(created=created, **more)
    return made


def test_lines_of_one_kind_are_counted_beyond_a_number_a_minute() -> None:
    """Others come through meanwhile, and the next minute says how many did not."""
    rate = Rate()
    passed = [rate.filter(record(100 + number / 100)) for number in range(PER_MINUTE + 500)]
    assert passed == [True] * PER_MINUTE + [False] * 500
    assert rate.filter(record(110, line=2)) and rate.filter(record(110, status=503))
    later = record(161)
    assert rate.filter(later) and later.getMessage() == "no tenant x (500 more like it before)"


@pytest.mark.parametrize(("more", "limited"), [({}, False), ({"status": 200}, False), ({"status": 401}, True)])
def test_what_was_accepted_is_all_logged(more: dict[str, object], limited: bool) -> None:
    rate = Rate()
    passed = [rate.filter(record(100, level=logging.INFO, **more)) for _ in range(PER_MINUTE + 1)]
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
