"""A wrong configuration names the file, the key, the line and the fix; a right one has a default for everything."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from adapters.registry import config_model
from factory_core.config import FactoryConfig, read_config
from factory_core.errors import ConfigProblem

pytestmark = pytest.mark.pure

ROLES = {"intentProvider": "linear", "clarificationChannel": "slack", "outputTarget": "github"}
TEXT = "intentProvider: linear\nclarificationChannel: slack\noutputTarget: github\n"


def test_three_roles_are_a_whole_configuration() -> None:
    """Everything else has a default."""
    config = read_config(ROLES, file="factory.config.yaml", model=config_model())
    assert config.providers() == ("linear", "slack", "github") and config.merge.policy == "never"


@pytest.mark.parametrize(
    ("wrong", "what", "why"),
    [
        ({"mergee": {}}, "f.yaml, line 4: mergee", "no such key; did you mean 'merge'?"),
        ({"merge": {"polcy": "never"}}, "f.yaml, line 5: merge.polcy", "no such key; did you mean 'policy'?"),
        ({"merge": {"policy": "always"}}, "f.yaml, line 5: merge.policy", "Input should be"),
        (
            {"repositories": {"acme/web": {"base": "--upload-pack=x"}}},
            "f.yaml, line 5: repositories.acme/web.base",
            "name of a branch",
        ),
        ({"tenant": "../x"}, "f.yaml, line 4: tenant", "String should match"),
        ({"agents": {"maxTurns": 0}}, "f.yaml, line 5: agents.maxTurns", "greater than or equal to 1"),
        ({"agents": {"maxUsd": float("inf")}}, "f.yaml, line 5: agents.maxUsd", "finite"),
        ({"runner": {"lease": "0s"}}, "f.yaml, line 5: runner.lease", "greater than"),
        ({"runner": {"effectTimeout": "60s"}}, "f.yaml, line 4: runner", "effectTimeout must be shorter than lease"),
        ({"merge": {"requiredChecks": [" "]}}, "f.yaml, line 5: merge.requiredChecks.0", "it should not be empty"),
        ({"budget": {"mayRaise": "maya"}}, "f.yaml, line 5: budget.mayRaise", "it should be a list: [one, another]"),
        (
            {"protectedPaths": {"allowedBy": "maya"}},
            "f.yaml, line 5: protectedPaths.allowedBy",
            "Input should be 'members', or it should be a list",
        ),
        ({"linear": {"temm": "ACME"}}, "f.yaml, line 5: linear.temm", "no such key; did you mean 'team'?"),
        ({"github": {"hookId": ["1"]}}, "f.yaml, line 5: github.hookId", "Input should be a valid string"),
        ({"linaer": {}}, "f.yaml, line 4: linaer", "no such key; did you mean 'linear'?"),
        ({"store": {"kind": "paper"}}, "f.yaml, line 5: store.kind", "Input should be 'sqlite'"),
        (
            {"routing": {"byKeyword": [{"pattern": "(", "repository": "x"}]}},
            "f.yaml, line 5: routing.byKeyword.0.pattern",
            "no regular",
        ),
        ({"routing": {"default": "acme/none"}}, "f.yaml: routing.default", "'acme/none', and repositories knows none"),
    ],
)
def test_a_wrong_key_is_named_with_its_line_and_a_fix(wrong: dict[str, Any], what: str, why: str) -> None:
    """File, line, key; why; and what to correct."""
    import json

    text = TEXT + "\n".join(
        f"{key}:\n  " + "\n  ".join(f"{k}: {v}" for k, v in value.items())
        if isinstance(value, dict)
        else f"{key}: {json.dumps(value)}"
        for key, value in wrong.items()
    )
    with pytest.raises(ConfigProblem) as caught:
        read_config({**ROLES, **wrong}, file="f.yaml", text=text, model=config_model())
    assert caught.value.what == what and why in caught.value.why
    assert caught.value.fix.startswith("In f.yaml: ") and caught.value.exit_code == 2


def test_a_missing_role_is_named() -> None:
    """intentProvider is not optional."""
    with pytest.raises(ConfigProblem) as caught:
        read_config(
            {key: value for key, value in ROLES.items() if key != "intentProvider"}, file="f.yaml", model=config_model()
        )
    assert caught.value.what == "f.yaml: intentProvider" and caught.value.why == "it is not there"


@pytest.mark.parametrize(("given", "meant"), [("90s", 90), ("30m", 1800), ("4h", 14400), ("7d", 604800), (15, 15)])
def test_durations_are_written_as_people_write_them(given: Any, meant: int) -> None:
    """Seconds, minutes, hours, days; a bare number is seconds."""
    config = FactoryConfig.model_validate({**ROLES, "agents": {"cooldown": given}})
    assert config.agents.cooldown == timedelta(seconds=meant)
