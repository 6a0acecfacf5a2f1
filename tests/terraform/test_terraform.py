"""The modules for the clouds: laid out, valid, as they were meant, and without a finding that has no answer."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from .conftest import MODULES, Terraform

CLOUDS = pytest.mark.parametrize("cloud", MODULES)
Copied = Callable[[str], Path]


class Edit(NamedTuple):
    """A mistake; `said` is what must then be said."""

    cloud: str
    file: str
    right: str
    wrong: str
    said: str


@CLOUDS
def test_the_files_are_laid_out_as_terraform_would(terraform: Terraform, cloud: str) -> None:
    ran = terraform(MODULES[cloud], "fmt", "-check", "-recursive")
    assert (ran.stdout, ran.returncode) == ("", 0)


@CLOUDS
def test_the_module_and_the_example_are_valid(terraform: Terraform, copied: Copied, cloud: str) -> None:
    module = copied(cloud)
    (module / "example/factory.config.yaml").write_text("intentProvider: linear\n")
    for folder in (module, module / "example"):
        assert terraform(folder, "init", "-backend=false", "-input=false").returncode == 0
        ran = terraform(folder, "validate", "-json")
        assert json.loads(ran.stdout)["diagnostics"] == []


SPOILT = [Edit(*one) for one in (
    ("aws", "table.tf", "deletion_protection_enabled", "deletion_protected", "Unsupported argument"),
    ("aws", "table.tf", "point_in_time_recovery {", "point_in_time {", "Unsupported block type"),
    ("aws", "api.tf", '  protocol_type = "HTTP"\n', "", "Missing required argument"),
    ("aws", "schedule.tf", 'flexible_time_window {\n    mode = "OFF"\n  }\n', "",
     "Insufficient flexible_time_window blocks"),
    ("aws", "stream.tf", "factory.stream_arn", "factory.streams_arn", "Unsupported attribute"),
    ("aws", "stream.tf", "batch_size                         = 10", 'batch_size = "ten"',
     "Incorrect attribute value type"),
    ("cloudflare", "version.tf", "main_module         =", "main =", "Unsupported argument"),
    ("cloudflare", "version.tf", "percentage = 100, ", "", "Incorrect attribute value type"),
    ("cloudflare", "schedule.tf", "  script_name =", "  # script_name =", "Missing required argument"),
    ("cloudflare", "worker.tf", "previews_enabled = false", 'previews_enabled = "no"',
     "Incorrect attribute value type"),
    ("cloudflare", "outputs.tf", "cloudflare_worker.factory.name", "cloudflare_worker.factory.title",
     "Unsupported attribute"),
)]  # fmt: skip


@pytest.mark.parametrize("edit", SPOILT, ids=[f"{one.file}-{one.said}" for one in SPOILT])
def test_the_schema_refuses_what_the_provider_would(terraform: Terraform, copied: Copied, edit: Edit) -> None:
    """A validation that passes everything would prove nothing."""
    module = copied(edit.cloud)
    _spoil(module, edit)
    assert terraform(module, "init", "-backend=false", "-input=false").returncode == 0
    told = json.loads(terraform(module, "validate", "-json").stdout)
    assert edit.said in {one["summary"] for one in told["diagnostics"]}


@pytest.mark.parametrize(("cloud", "runs"), [("aws", 6), ("cloudflare", 6)])
def test_the_module_is_as_it_was_meant(
    terraform: Terraform, copied: Copied, package: Path, cloud: str, runs: int
) -> None:
    """Terraform's own tests, in the module's folder."""
    ran = _tested(terraform, copied(cloud), cloud, package)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"Success! {runs} passed, 0 failed." in ran.stdout


LOOSENED = [Edit(*one) for one in (
    ("aws", "alarms.tf", "alarm_actions       = [aws_sns_topic.alarms.arn]", "alarm_actions = []",
     "an alarm reaches the topic and says what to do"),
    ("aws", "schedule.tf", 'aws_sqs_queue.dead["ticks"].arn\n    }', 'aws_sqs_queue.dead["effects"].arn\n    }',
     "a tick that failed is tried again, then kept"),
    ("aws", "permissions.tf", '["ssm:GetParameter"]', '["ssm:*"]', "every action is written out"),
    ("aws", "queues.tf", "  kms_master_key_id         = aws_kms_key.factory.arn\n", "",
     "table, queues, secrets, configuration, logs and alarms are under a key that rotates"),
    ("cloudflare", "worker.tf", "previews_enabled = false", "previews_enabled = true",
     "with a domain, no second address; and never one for an old version"),
    ("cloudflare", "version.tf", '} if !endswith(name, ".pyc")]', "}]",
     "every file in the kind that wrangler gives it, and no compiled Python"),
    ("cloudflare", "bindings.tf", ', { tenant = tenant }', "", "the configuration is JSON and knows its tenant"),
    ("cloudflare", "worker.tf", "invocation_logs = false", "invocation_logs = true",
     "logs are kept; headers, which hold signatures and tokens, are not"),
    ("cloudflare", "version.tf", "    replace_triggered_by  = [terraform_data.bindings]\n", "",
     "what a version is bound to cannot be changed: there is a new one"),
)]  # fmt: skip


@CLOUDS
def test_the_tests_see_what_is_loosened(terraform: Terraform, copied: Copied, package: Path, cloud: str) -> None:
    """All at once, for each run takes seconds: an alarm nobody hears, a wide right, a second door."""
    module, edits = copied(cloud), [edit for edit in LOOSENED if edit.cloud == cloud]
    for edit in edits:
        _spoil(module, edit)
    told = _tested(terraform, module, cloud, package, "-filter=tests/factory.tftest.hcl").stderr
    said = " ".join(told.split())  # Terraform breaks its lines
    assert [edit.said for edit in edits if edit.said not in said] == []


def _tested(
    terraform: Terraform, module: Path, cloud: str, package: Path, *more: str
) -> subprocess.CompletedProcess[str]:
    given = ["-var", f"package={package}"] if cloud == "cloudflare" else []
    assert terraform(module, "init", "-backend=false", "-input=false").returncode == 0
    return terraform(module, "test", *given, *more)


def _spoil(module: Path, edit: Edit) -> None:
    text = (module / edit.file).read_text()
    assert edit.right in text
    (module / edit.file).write_text(text.replace(edit.right, edit.wrong))


@pytest.mark.parametrize(("cloud", "passed"), [("aws", 80), ("cloudflare", 0)])
def test_every_finding_has_its_answer_in_writing(checkov: Path, tmp_path: Path, cloud: str, passed: int) -> None:
    """checkov knows few rules for Cloudflare; what it learns is heard."""
    line = [checkov, "--directory", MODULES[cloud], "--framework", "terraform", "secrets", "--skip-download",
            "--output", "json"]  # fmt: skip
    ran = subprocess.run(
        line, capture_output=True, text=True, timeout=900, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    )
    told = json.loads(ran.stdout)
    reports = told if isinstance(told, list) else [told]
    failed = _checks(reports, "failed_checks")
    assert [(one["check_id"], one["resource"]) for one in failed] == []
    assert sum(report.get("summary", report)["parsing_errors"] for report in reports) == 0
    assert len(_checks(reports, "passed_checks")) >= passed
    answers = {one["check_result"]["suppress_comment"] for one in _checks(reports, "skipped_checks")}
    assert all(len(answer) > 60 for answer in answers), answers


def _checks(reports: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Of all that was looked for; where nothing was found, a report has no results."""
    return [one for report in reports for one in report.get("results", {}).get(kind, [])]
