"""Prometheus itself, as Debian has it, that scrapes a stack, and Helm as its library for Python has it."""

from __future__ import annotations

import importlib
import json
import shutil
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from donebit.demo.ports import free_server_port
from tests.stack import DONE_SECONDS, Stack
from tests.started import REPOSITORY, Started, eventually

DEPLOY = REPOSITORY / "deploy"
CHART = DEPLOY / "helm" / "donebit"


class Prometheus:
    """One that runs, asked over its API."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"

    def ask(self, path: str, **query: str) -> Any:
        with urllib.request.urlopen(f"{self._base}{path}?{urllib.parse.urlencode(query)}", timeout=5) as said:
            return json.loads(said.read())["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("/api/v1/query", query=expression)["result"]
        return found

    def value(self, expression: str) -> float:
        """The only value, or their sum; -1 for none."""
        found = self.query(expression)
        return sum(float(one["value"][1]) for one in found) if found else -1

    def await_value(self, expression: str, at_least: float) -> None:
        """Wait for a value: each service is scraped at a moment of its own, and a late scrape is none."""

        def is_scraped() -> bool:
            return self.value(expression) >= at_least

        eventually(is_scraped, DONE_SECONDS, what=f"{expression} is not {at_least} or more")

    def answers(self) -> bool:
        try:
            return bool(self.ask("/api/v1/status/buildinfo"))
        except OSError:
            return False


# What the chart cannot know.
VALUES: dict[str, Any] = {
    "image": {"repository": "registry.example.org/donebit"},
    "secret": {"name": "donebit", "keys": ["REDIS_URL", "API_TOKEN"]},
    "settings": {"JOBS": "shop.jobs"},
    "allowedHosts": ["done.example.org"],
}


@dataclass(frozen=True, slots=True)
class Helm:
    """The chart with some values."""

    values: Mapping[str, Any] = field(default_factory=VALUES.copy)

    def with_values(self, **values: Any) -> Helm:
        return Helm({**self.values, **values})

    @property
    def _library(self) -> Any:
        return importlib.import_module("helm_python")

    def lint(self) -> dict[str, Any]:
        report: dict[str, Any] = self._library.lint(str(CHART), self.values, strict=True)
        return report

    def manifests(self) -> list[dict[str, Any]]:
        """What is installed as `shop` into the namespace `prod`, if the values fit the schema."""
        with self._library.Chart.load(CHART) as chart:
            chart.validate_schema(self.values)
            files: dict[str, str] = chart.render(self.values, name="shop", namespace="prod")
        texts = [text for name, text in files.items() if name.endswith(".yaml")]
        return [manifest for text in texts for manifest in yaml.safe_load_all(text) if manifest]

    def found(self, kind: str, name: str) -> dict[str, Any]:
        (manifest,) = [
            one for one in self.manifests() if (one["kind"], one["metadata"]["name"]) == (kind, name)
        ]
        return manifest


@pytest.fixture
def helm() -> Helm:
    """The chart with the values that it must be given."""
    return Helm()


@pytest.fixture
def promtool() -> str:
    """Where Prometheus's own checker is."""
    return shutil.which("promtool") or "promtool"


@pytest.fixture
def prometheus(stack: Stack, tmp_path: Path) -> Iterator[Prometheus]:
    """With the configuration of the repository, but for the ports, and four scrapes a second."""
    settings = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    settings["global"] = {"scrape_interval": "250ms", "evaluation_interval": "250ms"}
    ports = stack.ports.values()
    settings["scrape_configs"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{port}" for port in ports]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(settings))
    shutil.copy(DEPLOY / "prometheus" / "rules.yml", tmp_path)
    port = free_server_port()
    options = ("--config.file=prometheus.yml", "--storage.tsdb.path=data")
    running = Started(("prometheus", *options, f"--web.listen-address=127.0.0.1:{port}"), tmp_path)
    found = Prometheus(port)
    try:
        eventually(found.answers, 30, what="Prometheus did not start")
        yield found
    finally:
        running.end()
