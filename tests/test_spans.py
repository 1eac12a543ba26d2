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
from tests.collector import Collector, collecting
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


UNENCODABLE = """
from donebit import config
from donebit.traces import traces

traces.set_up(config.load(), "failing")
with traces.span("step", {}):
    traces.record_exception({"exception.message": "no file caf\\udce9", "donebit.step": 3})
    traces.fail("no file caf\\udce9")
with traces.span("beside it", {}):
    pass
traces.end()
"""


def test_an_error_that_utf_8_cannot_hold_costs_no_spans() -> None:
    with collecting() as collector:
        environment = os.environ | collector.environment
        subprocess.run([sys.executable, "-c", UNENCODABLE], env=environment, check=True, timeout=60)
        step, beside = collector.spans()

    assert (step.failed, step.exceptions) == (
        True,
        [{"exception.message": "no file caf?", "donebit.step": 3}],
    )
    assert beside.name == "beside it"


@pytest.mark.parametrize(
    ("variable", "value"), [("OTEL_BSP_SCHEDULE_DELAY", "0"), ("OTEL_SPAN_EVENT_COUNT_LIMIT", "many")]
)
def test_what_the_library_does_not_take_ends_the_start(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    settings = Settings(otel_exporter_otlp_endpoint="http://collector:4318")

    with pytest.raises(ConfigurationError, match="OpenTelemetry does not take its settings"):
        Traces().set_up(settings, "done_app")


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
