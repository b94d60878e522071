"""Traces that go on in a job: the row carries `traceparent` (W3C Trace Context)."""

from collections.abc import Generator
from contextlib import contextmanager

from opentelemetry import context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

NAME = "traceparent"

_propagator = TraceContextTextMapPropagator()


def current_trace() -> str | None:
    """Name what is traced now, if anything is."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get(NAME)


@contextmanager
def continued(traceparent: str | None) -> Generator[None, None, None]:
    """Go on with a trace, so that what is traced within is a part of it."""
    carrier = {NAME: traceparent} if traceparent else {}
    token = context.attach(_propagator.extract(carrier))
    try:
        yield
    finally:
        context.detach(token)
