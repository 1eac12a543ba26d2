"""Rules and dashboard name metrics that exist, and a real Prometheus scrapes and evaluates them."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.conftest import DEPLOY, Helm, Prometheus
from tests.receiver import receiving
from tests.stack import DONE_SECONDS, Stack
from tests.started import REPOSITORY, eventually

RULES = DEPLOY / "prometheus" / "rules.yml"
DASHBOARD = json.loads((DEPLOY / "grafana" / "donebit.json").read_text())
NAME = re.compile(r"\bdonebit_\w+")
# Grafana fills these in.
VARIABLES = {"$__rate_interval": "1m", "$job_name": ".*"}
# Without a replica, and without WAIT_REPLICAS.
NOT_HERE = {"donebit_store_replica_lag_bytes", "donebit_store_short_of_replicas"}


def alerts() -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    return rules


def expressions_of_panels() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            expression: str = target["expr"]
            for variable, value in VARIABLES.items():
                expression = expression.replace(variable, value)
            yield expression


def named_metrics() -> set[str]:
    texts = [*(one["expr"] for one in alerts()), *expressions_of_panels()]
    texts += [one["query"] for one in DASHBOARD["templating"]["list"]]
    return {name for text in texts for name in NAME.findall(text)}


@pytest.fixture
def busy(prometheus: Prometheus, stack: Stack, tmp_path: Path) -> Prometheus:
    """Once it has scraped what came of two tasks, of which one has failed."""
    (tmp_path / "block-1").touch()
    with receiving() as receiver:
        stack.await_told(stack.create(2, job="blocked", params={"folder": str(tmp_path)}))
        stack.await_told(stack.create(3, job="demo", params={"sleep_ms": 0}, webhook=receiver.url))
        eventually(lambda: receiver.requests, DONE_SECONDS, what="no webhook came")
    prometheus.await_value('max(donebit_deliveries_total{outcome="delivered"})', 1)
    return prometheus


def test_rules_pass_promtools_checks_and_their_own_tests(promtool: str) -> None:
    for command in (
        ["check", "rules", str(RULES)],
        ["check", "config", str(DEPLOY / "prometheus" / "prometheus.yml")],
        ["test", "rules", str(REPOSITORY / "tests" / "deploy" / "rules_test.yml")],
    ):
        done = subprocess.run([promtool, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_real_prometheus_scrapes_what_happened(busy: Prometheus) -> None:
    by_job = 'max(donebit_{}{{job_name="blocked"}})'.format

    for name in ("steps_total", "step_retries_total", "step_failures_total"):
        busy.await_value(by_job(name), 1)
    busy.await_value('max(donebit_tasks_ended_total{job_name="blocked",end="failed"})', 1)
    busy.await_value('0 - max(donebit_tasks_ended_total{job_name="blocked",end="cancelled"})', 0)  # no more
    for name in ("task_duration", "step_duration", "queue_wait"):
        busy.await_value(by_job(f"{name}_seconds_count"), 1)
    busy.await_value('sum(donebit_http_request_duration_seconds_count{route="/tasks",status="202"})', 2)


def test_every_expression_names_metrics_that_exist(busy: Prometheus) -> None:
    def not_scraped() -> set[str]:
        return named_metrics() - set(busy.ask("/api/v1/label/__name__/values"))

    eventually(lambda: not_scraped() <= NOT_HERE, DONE_SECONDS, what="metrics were not scraped")
    assert not_scraped() == NOT_HERE


def test_prometheus_counts_what_waits_for_the_charts_workers(busy: Prometheus, helm: Helm) -> None:
    scaled = helm.with_values(autoscaling={"enabled": True}).found("ScaledObject", "shop-worker")
    (trigger,) = scaled["spec"]["triggers"]

    assert busy.value(trigger["metadata"]["query"]) >= 0


def test_prometheus_evaluates_every_panel_and_every_rule(busy: Prometheus) -> None:
    for expression in expressions_of_panels():
        assert isinstance(busy.query(expression), list), expression

    def health() -> dict[str, str]:
        (group,) = busy.ask("/api/v1/rules")["groups"]
        return {rule["name"]: rule["health"] + rule.get("lastError", "") for rule in group["rules"]}

    eventually(lambda: "unknown" not in health().values(), DONE_SECONDS, what="rules were not evaluated")
    assert health() == dict.fromkeys((one["alert"] for one in alerts()), "ok")
