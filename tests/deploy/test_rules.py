"""Recording rules and alerts, by Prometheus' own tool."""

import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from router.config import Config
from router.telemetry.metrics import Metrics
from tests.deploy.places import DEPLOY, program
from tests.fakes.patience import PATIENCE_S
from tests.telemetry.test_metrics import CONFIG

RULES = sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))
TESTS = sorted((DEPLOY / "prometheus" / "tests").glob("*.yml"))


def rules(kind: str) -> Iterator[dict[str, Any]]:
    """Every rule that is an `alert` or a `record`."""
    for path in RULES:
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            yield from (rule for rule in group["rules"] if kind in rule)


def promtool(*arguments: str) -> None:
    """Run it; what it says is in the failure."""
    done = subprocess.run(
        [program("promtool"), *arguments], capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_configuration_and_its_rules_are_valid():
    """Prometheus accepts the configurations with every rule file they name."""
    promtool("check", "config", str(DEPLOY / "prometheus" / "prometheus.yml"))
    promtool("check", "config", "--syntax-only", str(DEPLOY / "prometheus" / "with-key.yml"))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_rules_come_to_what_their_tests_say(path):
    """Each alert fires when it should and no other beside it; each recorded series has its value."""
    promtool("test", "rules", str(path))


def test_every_alert_is_tested_and_says_what_to_do():
    """An alert has a severity, a summary and a runbook line, and a test in which it fires."""
    tested = (DEPLOY / "prometheus" / "tests" / "alerts.test.yml").read_text(encoding="utf-8")
    for alert in rules("alert"):
        assert {"summary", "runbook"} == set(alert["annotations"]), alert["alert"]
        assert alert["labels"]["severity"] in {"page", "ticket"}, alert["alert"]
        assert f'alertname="{alert["alert"]}"' in tested


def test_rules_ask_for_series_that_there_are():
    """A metric that was renamed is found here: each name is the router's, or another rule's."""
    known = series(CONFIG) | {rule["record"] for rule in rules("record")} | {"up"}
    for rule in [*rules("alert"), *rules("record")]:
        assert asked_in(rule["expr"]) <= known, rule


def asked_in(expression: str) -> set[str]:
    """The names of the series that an expression asks for."""
    bare = re.sub(r'"[^"]*"|\b(?:by|on|group_left)\s*\([^)]*\)|\{[^}]*\}', "", expression)
    return set(re.findall(r"\b(?:\w+:)?(?:shunt|gen_ai)_?[\w:]+|\bshunt:[\w:]+", bare))


def series(config: Config) -> set[str]:
    """The names under which a scrape has every declared family."""
    names = set()
    for family in Metrics(config).registry.collect():
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        names |= {f"{family.name}{suffix}" for suffix in suffixes}
    return names | {"shunt_classifier_drift", "shunt_limits_shared"}
