"""What is sent to an OpenTelemetry collector, read with the library's own messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.receiver import Receiver, receiving, status
from tests.started import eventually

FOUND_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Seen:
    """A span as it was sent."""

    program: str
    name: str
    trace: str
    id: str
    parent: str
    kind: str
    failed: bool
    attributes: Mapping[str, Any]
    exceptions: list[Mapping[str, Any]]
    links: list[str]  # the traces that it leads to


class Collector:
    """All spans that a receiver was sent."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        base = receiver.url.removesuffix("/told")
        self.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": base, "OTEL_BSP_SCHEDULE_DELAY": "50"}

    def spans(self) -> list[Seen]:
        bodies = [ExportTraceServiceRequest.FromString(one.body) for one in self._receiver.requests]
        return [seen for body in bodies for seen in read_spans(body)]

    def await_spans(self, of: Callable[[Seen], bool], count: int = 1) -> list[Seen]:
        """The spans of which this holds, once there are so many."""

        def found() -> list[Seen]:
            return [seen for seen in self.spans() if of(seen)]

        eventually(
            lambda: len(found()) >= count, FOUND_SECONDS, what=f"{[seen.name for seen in self.spans()]}"
        )
        return found()


def read_spans(body: ExportTraceServiceRequest) -> Iterator[Seen]:
    for of_program in body.resource_spans:
        program = values(of_program.resource.attributes)["service.name"]
        for of_library in of_program.scope_spans:
            for span in of_library.spans:
                yield read_span(program, span)


def read_span(program: str, span: Span) -> Seen:
    return Seen(
        program,
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        span.status.code == Status.STATUS_CODE_ERROR,
        values(span.attributes),
        [values(event.attributes) for event in span.events if event.name == "exception"],
        [link.trace_id.hex() for link in span.links],
    )


def values(attributes: Any) -> dict[str, Any]:
    def value(one: KeyValue) -> Any:
        return getattr(one.value, str(one.value.WhichOneof("value")))

    return {one.key: value(one) for one in attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that listens."""
    with receiving(status(200)) as receiver:
        yield Collector(receiver)
