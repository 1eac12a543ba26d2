"""Spans as OpenTelemetry's library makes and exports them; `traces.py` loads this where they are wanted."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, NamedTuple

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from donebit.utf8 import printable

VERSION = version("donebit")
W3C = TraceContextTextMapPropagator()
Attributes = Mapping[str, str | int]
ENTERED = contexts.create_key("donebit-entered")
END_WITHIN_SECONDS = 2.0  # a collector that does not answer must not hold a deploy up


class Entered(NamedTuple):
    """What the present span was made for."""

    name: str
    before: Context


class ExportOfProcess(SpanProcessor):
    """Exports by a thread and a connection of this process, made with its first span.

    What the library makes itself a forked process would share: both would write to one connection.
    """

    def __init__(self) -> None:
        # What its settings do not allow is said as the program starts, not by each span that ends.
        BatchSpanProcessor(OTLPSpanExporter()).shutdown()  # type: ignore[no-untyped-call]  # as the library has it
        self._forget()
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._own: BatchSpanProcessor | None = None
        self._lock = threading.Lock()

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span that has ended, to be sent with others."""
        with self._lock:
            self._own = self._own or BatchSpanProcessor(OTLPSpanExporter())
        self._own.on_end(span)

    def shutdown(self) -> None:
        """Send what was taken, and then take nothing more."""
        if self._own:
            self._own.shutdown()  # type: ignore[no-untyped-call]  # as the library has it


class Spans:
    """Makes the spans of one program; what they mean, `Traces` says."""

    def __init__(self, program: str) -> None:
        names = Resource.create({SERVICE_NAME: f"donebit.{program}", SERVICE_VERSION: VERSION})
        # What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say has the last word.
        resource = names.merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(ExportOfProcess())
        trace.set_tracer_provider(self._provider)  # also for the spans that step functions make
        self._tracer = self._provider.get_tracer("donebit", VERSION)

    @property
    def headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        W3C.inject(headers)
        return headers

    @contextmanager
    def span(
        self, name: str, attributes: Attributes, kind: str, came_with: Mapping[str, Any] | None
    ) -> Iterator[None]:
        before = contexts.get_current() if came_with is None else W3C.extract(came_with)
        token = contexts.attach(contexts.set_value(ENTERED, Entered(name, before), before))
        try:
            with self._tracer.start_as_current_span(name, kind=SpanKind[kind], attributes=attributes):
                yield
        finally:
            contexts.detach(token)

    def describe(self, attributes: Attributes, begun_by: str | None) -> None:
        span = trace.get_current_span()
        span.set_attributes(attributes)
        beginning = (
            span_of(W3C.extract({"traceparent": begun_by})) if begun_by else trace.INVALID_SPAN_CONTEXT
        )
        if beginning.is_valid and beginning.trace_id != span.get_span_context().trace_id:
            span.add_link(beginning)

    def record_exception(self, attributes: Attributes) -> None:
        encodable = {
            name: printable(value) if isinstance(value, str) else value for name, value in attributes.items()
        }
        trace.get_current_span().add_event("exception", encodable)

    def fail(self, why: str) -> None:
        trace.get_current_span().set_status(Status(StatusCode.ERROR, printable(why)))

    def carry(self, name: str, headers: dict[str, Any]) -> None:
        entered = contexts.get_value(ENTERED)
        before = entered.before if isinstance(entered, Entered) and entered.name == name else None
        W3C.inject(headers, before if before and span_of(before).is_valid else None)

    def end(self) -> None:
        ending = threading.Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        ending.start()
        ending.join(END_WITHIN_SECONDS)


def span_of(context: Context) -> SpanContext:
    """Which span a context names; an invalid one if it names none."""
    return trace.get_current_span(context).get_span_context()
