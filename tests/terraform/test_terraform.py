"""The module for AWS: laid out, valid, as it was meant, and without a finding that has no answer."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from .conftest import MODULE, Terraform


def test_the_files_are_laid_out_as_terraform_would(terraform: Terraform) -> None:
    ran = terraform(MODULE, "fmt", "-check", "-recursive")
    assert (ran.stdout, ran.returncode) == ("", 0)


def test_the_module_and_the_example_are_valid(terraform: Terraform, module: Path) -> None:
    (module / "example/factory.config.yaml").write_text("intentProvider: linear\n")
    for folder in (module, module / "example"):
        assert terraform(folder, "init", "-backend=false", "-input=false").returncode == 0
        ran = terraform(folder, "validate", "-json")
        assert json.loads(ran.stdout)["diagnostics"] == []


SPOILT = (
    ("table.tf", "deletion_protection_enabled", "deletion_protected", "Unsupported argument"),
    ("table.tf", "point_in_time_recovery {", "point_in_time {", "Unsupported block type"),
    ("api.tf", '  protocol_type = "HTTP"\n', "", "Missing required argument"),
    ("schedule.tf", 'flexible_time_window {\n    mode = "OFF"\n  }\n', "", "Insufficient flexible_time_window blocks"),
    ("stream.tf", "factory.stream_arn", "factory.streams_arn", "Unsupported attribute"),
    ("stream.tf", "batch_size                         = 10", 'batch_size = "ten"', "Incorrect attribute value type"),
)  # fmt: skip


@pytest.mark.parametrize(("file", "right", "wrong", "said"), SPOILT, ids=[spoilt[3] for spoilt in SPOILT])
def test_the_schema_refuses_what_the_provider_would(
    terraform: Terraform, module: Path, file: str, right: str, wrong: str, said: str
) -> None:
    """A validation that passes everything would prove nothing."""
    _spoil(module / file, right, wrong)
    assert terraform(module, "init", "-backend=false", "-input=false").returncode == 0
    told = json.loads(terraform(module, "validate", "-json").stdout)
    assert {one["summary"] for one in told["diagnostics"]} == {said}


def test_the_module_is_as_it_was_meant(terraform: Terraform, module: Path) -> None:
    """Terraform's own tests, in the module's folder."""
    assert terraform(module, "init", "-backend=false", "-input=false").returncode == 0
    ran = terraform(module, "test")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Success! 4 passed, 0 failed." in ran.stdout


LOOSENED = (
    ("alarms.tf", "alarm_actions       = [aws_sns_topic.alarms.arn]", "alarm_actions = []"),
    ("schedule.tf", 'aws_sqs_queue.dead["ticks"].arn\n    }', 'aws_sqs_queue.dead["effects"].arn\n    }'),
    ("permissions.tf", '["ssm:GetParameter"]', '["ssm:*"]'),
    ("queues.tf", "  kms_master_key_id         = aws_kms_key.factory.arn\n", ""),
)  # fmt: skip


def test_the_tests_see_what_is_loosened(terraform: Terraform, module: Path) -> None:
    """All at once, for each run takes seconds: an alarm nobody hears, a wrong queue, a wide right, no key."""
    for file, right, wrong in LOOSENED:
        _spoil(module / file, right, wrong)
    assert terraform(module, "init", "-backend=false", "-input=false").returncode == 0
    told = terraform(module, "test", "-filter=tests/factory.tftest.hcl").stderr
    said = " ".join(told.split())  # Terraform breaks its lines
    for law in (
        "an alarm reaches the topic and says what to do",
        "a tick that failed is tried again, then kept",
        "every action is written out",
        "table, queues, secrets, configuration, logs and alarms are under a key that rotates",
    ):
        assert law in said


def _spoil(path: Path, right: str, wrong: str) -> None:
    text = path.read_text()
    assert right in text
    path.write_text(text.replace(right, wrong))


def test_every_finding_has_its_answer_in_writing(checkov: Path, tmp_path: Path) -> None:
    line = [checkov, "--directory", MODULE, "--framework", "terraform", "--skip-download", "--output", "json"]
    ran = subprocess.run(
        line, capture_output=True, text=True, timeout=300, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    )
    told = json.loads(ran.stdout)
    assert [(one["check_id"], one["resource"]) for one in told["results"]["failed_checks"]] == []
    assert told["summary"]["parsing_errors"] == 0
    assert told["summary"]["passed"] > 80
    answers = {one["check_result"]["suppress_comment"] for one in told["results"]["skipped_checks"]}
    assert all(len(answer) > 60 for answer in answers), answers
