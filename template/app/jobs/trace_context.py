"""Propagation of trace context to jobs, whose rows store `traceparent` (W3C Trace Context)."""

from collections.abc import Generator
from contextlib import contextmanager

from opentelemetry import context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

TRACEPARENT = "traceparent"

_propagator = TraceContextTextMapPropagator()


def current_traceparent() -> str | None:
    """Return the `traceparent` of the current span, or None without a span."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get(TRACEPARENT)


@contextmanager
def continue_trace(traceparent: str | None) -> Generator[None, None, None]:
    """Make spans that are created within this context children of `traceparent`."""
    carrier = {TRACEPARENT: traceparent} if traceparent else {}
    token = context.attach(_propagator.extract(carrier))
    try:
        yield
    finally:
        context.detach(token)
