"""Prometheus itself, as Debian has it, that scrapes a stack which has done a bit of everything."""

from __future__ import annotations

import json
import shutil
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from donebit.demo.ports import free_server_port
from tests.stack import DONE_SECONDS, Stack
from tests.started import REPOSITORY, Started, eventually

DEPLOY = REPOSITORY / "deploy"


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
