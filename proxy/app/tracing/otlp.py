"""Takes spans to a collector by OTLP over HTTP, as OpenTelemetry's SDK does it.

Enters: spans as they were told. Leaves: a request at the collector. Headers, certificates, time-out,
compression, sampling and the resource are as OpenTelemetry's own OTEL_* variables say; a span of a trace that
its caller does not sample is not sent. The only module that needs `pgwarden[otel]`. Deliberately absent:
waiting spans and threads (telling.py).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from proxy import __version__
from proxy.app.tracing.spans import Told

_NANO: Final = 1_000_000_000
_CONTEXTS: Final = TraceContextTextMapPropagator()


class _Ended(SpanProcessor):
    """Keeps the spans of a batch that are sampled."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None and span.context.trace_flags.sampled:
            self.spans.append(span)


class Otlp:
    """One collector."""

    def __init__(self, endpoint: str) -> None:
        """Send to the collector with this base URL; nothing is sent yet."""
        # The SDK's own complaints quote what a collector answers; whoever sends says what is lost.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._exporter = OTLPSpanExporter(f"{endpoint}/v1/traces")
        self._ended = _Ended()
        provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        provider.add_span_processor(self._ended)
        self._tracer = provider.get_tracer("pgwarden", __version__)

    def send(self, spans: Iterable[Told]) -> tuple[int, int]:
        """Take them there; returns how many were taken, and how many were not."""
        self._ended.spans = []
        for span in spans:
            self._make(span)
        made = self._ended.spans
        if made and self._exporter.export(made) is not SpanExportResult.SUCCESS:
            return 0, len(made)
        return len(made), 0

    def close(self) -> None:
        """Try nothing again."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call] # the SDK's

    def _make(self, found: Told) -> None:
        span = self._tracer.start_span(
            found.name,
            context=_CONTEXTS.extract(found.context),
            kind=SpanKind.SERVER,
            attributes=found.attributes,
            start_time=int(found.began * _NANO),
        )
        if found.error:
            span.set_status(Status(StatusCode.ERROR, found.error))
        span.end(int(found.ended * _NANO))


def _resource() -> Resource:
    """Who tells; the variables of OpenTelemetry may name it otherwise."""
    own = Resource({"service.name": "pgwarden", "service.version": __version__})
    return Resource.create().merge(own).merge(OTELResourceDetector().detect())
