"""Where spans are made and how they are sent, without the services around them."""

from __future__ import annotations

import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler

import pytest

from donebit.config import Settings
from donebit.errors import ConfigurationError
from donebit.traces import Traces
from tests.collector import Collector
from tests.receiver import receiving, status

PROGRAMS = ["trigger_app.service", "done_app.service", "distinct_app.service"]
WORKER = "from done_app.worker import app"
# As if it were not installed: where it is, redis loads a part of it for itself.
WITHOUT = "import sys; sys.modules['opentelemetry'] = None"
SHOW_LOADED = "print('donebit.spans' in sys.modules)"
FORKING = """
import os
from donebit import config
from donebit.traces import traces

traces.set_up(config.load(), "forking")
with traces.span("before", {}):
    pass
input()
if pid := os.fork():
    os.waitpid(pid, 0)
with traces.span("parent" if pid else "child", {}):
    pass
traces.end()
"""


@pytest.mark.parametrize(
    "start", [*(f"from {one} import create_app; create_app()" for one in PROGRAMS), WORKER], ids=str.split
)
def test_nothing_of_opentelemetry_is_loaded_unless_it_is_set(start: str) -> None:
    command = [sys.executable, "-c", f"{WITHOUT}; {start}; {SHOW_LOADED}"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)

    assert ran.stdout == "False\n"


def test_a_forked_process_has_a_connection_of_its_own() -> None:
    ports: list[int] = []

    def kept_open(handler: BaseHTTPRequestHandler) -> None:
        ports.append(handler.client_address[1])
        handler.protocol_version, handler.close_connection = "HTTP/1.1", False
        status(200)(handler)

    with receiving(kept_open) as receiver:
        collector = Collector(receiver)
        command, environment = [sys.executable, "-c", FORKING], os.environ | collector.environment
        with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE) as forking:
            collector.await_spans(lambda seen: seen.name == "before")
            forking.communicate(b"\n", timeout=60)

    assert [seen.name for seen in collector.spans()] == ["before", "child", "parent"]
    before, child, parent = ports
    assert before == parent != child


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        ({"otel_exporter_otlp_endpoint": "http://collector:4318"}, True),
        ({"otel_exporter_otlp_traces_endpoint": "http://collector:4318/v1/traces"}, True),
        ({"otel_exporter_otlp_endpoint": "http://collector:4318", "otel_traces_exporter": "none"}, False),
        ({"otel_exporter_otlp_endpoint": "http://collector:4318", "otel_sdk_disabled": True}, False),
    ],
)
def test_spans_are_made_where_it_is_set_where_they_go(variables: dict[str, str], wanted: bool) -> None:
    assert Settings.model_validate(variables).traces_wanted is wanted


def test_that_the_library_is_missing_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    monkeypatch.delitem(sys.modules, "donebit.spans", raising=False)
    settings = Settings(otel_exporter_otlp_endpoint="http://collector:4318")

    with pytest.raises(ConfigurationError, match=r"pip install 'donebit\[otel\]'"):
        Traces().set_up(settings, "done_app")
