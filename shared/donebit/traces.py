"""Traces: spans of OpenTelemetry where they are set up; elsewhere nothing is loaded, and nothing done."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from donebit.errors import ConfigurationError

if TYPE_CHECKING:  # the settings are not installed with a program that counts chords
    from donebit.config import Settings
    from donebit.spans import Spans

Attributes = Mapping[str, str | int]
NOT_INSTALLED = (
    "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed: pip install 'donebit[otel]', or "
    "set OTEL_SDK_DISABLED=true"
)


class Traces:
    """The spans of this process, for all who make or continue one; none before `set_up`."""

    def __init__(self) -> None:
        self._spans: Spans | None = None

    def set_up(self, settings: Settings, program: str) -> None:
        """Make spans from now on, if the settings say where they are sent.

        Args:
            program: what this process runs, such as `done_app`; spans are from `donebit.done_app`.

        Raises:
            ConfigurationError: OpenTelemetry is not installed, or does not take one of its own settings.
        """
        if self._spans or not settings.traces_wanted:
            return
        try:
            from donebit.spans import Spans  # noqa: PLC0415 - half a second, and perhaps not installed
        except ModuleNotFoundError as error:
            raise ConfigurationError(NOT_INSTALLED) from error
        try:
            self._spans = Spans(program)
        except ValueError as error:
            raise ConfigurationError(
                f"OpenTelemetry does not take its settings (OTEL_...): {error}"
            ) from error

    @property
    def are_on(self) -> bool:
        return self._spans is not None

    @property
    def headers(self) -> dict[str, str]:
        """The headers that name the present span, as W3C has them; none where there is no span."""
        return self._spans.headers if self._spans else {}

    @property
    def traceparent(self) -> dict[str, str]:
        """The one of these headers that says which span it is."""
        return {name: value for name, value in self.headers.items() if name == "traceparent"}

    def span(
        self,
        name: str,
        attributes: Attributes,
        *,
        kind: str = "INTERNAL",
        came_with: Mapping[str, Any] | None = None,
    ) -> AbstractContextManager[object]:
        """Make a span of a block. What the block raises is recorded as its failure.

        Args:
            kind: SERVER, CLIENT, CONSUMER or INTERNAL.
            came_with: the headers that name the span before it; when left out, that is the present one.
        """
        return self._spans.span(name, attributes, kind, came_with) if self._spans else nullcontext()

    def describe(self, attributes: Attributes, begun_by: str | None = None) -> None:
        """Add to the present span.

        Args:
            begun_by: the `traceparent` of the span that began the task; another trace is linked to it.
        """
        if self._spans:
            self._spans.describe(attributes, begun_by)

    def record_exception(self, attributes: Attributes) -> None:
        """Record an exception in the present span; `exception.type` and the like say which."""
        if self._spans:
            self._spans.record_exception(attributes)

    def fail(self, why: str) -> None:
        """Say of the present span that it has failed."""
        if self._spans:
            self._spans.fail(why)

    def carry(self, name: str, headers: dict[str, Any]) -> None:
        """Put the span that a message of this name continues into its headers.

        That is the present one; for a message that was sent by one of its own name it is the span before
        that, so that the many slices of a task stand beside each other and not each below the last.
        """
        if self._spans:
            self._spans.carry(name, headers)

    def end(self) -> None:
        """Send what was not sent yet; to be called as this process ends."""
        if self._spans:
            self._spans.end()


traces = Traces()
