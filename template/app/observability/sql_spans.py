"""Spans of SQL statements, created by SQLAlchemy events for every kind of database.

The text of a statement contains placeholders instead of values. Statements outside a trace, such as
those of health probes, have no span.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from opentelemetry import trace
from sqlalchemy import Connection, Engine, ExceptionContext, event

SPAN_KEY = "observability.span"  # in `Connection.info`: the span of the running statement


class StatementTracer:
    """Creates a span for each SQL statement of an engine."""

    def __init__(self, engine: Engine, tracers: trace.TracerProvider) -> None:
        self.tracer = tracers.get_tracer(__name__)
        url = engine.url
        attributes = {
            "db.system.name": engine.dialect.name,
            "db.namespace": url.database,
            "server.address": url.host,
            "server.port": url.port,
        }
        self.attributes = {name: value for name, value in attributes.items() if value is not None}

    def start(self, connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        """Start a span for a statement, as a child of the current span."""
        if not trace.get_current_span().is_recording():
            return
        name = statement.split(None, 1)[0].upper() if statement.strip() else "SQL"
        connection.info[SPAN_KEY] = self.tracer.start_span(
            name,
            kind=trace.SpanKind.CLIENT,
            attributes={**self.attributes, "db.operation.name": name, "db.query.text": statement},
        )

    def end(self, connection: Connection, *_: object) -> None:
        """End the span of a successful statement."""
        if span := connection.info.pop(SPAN_KEY, None):
            span.end()

    def fail(self, context: ExceptionContext) -> None:
        """End the span with the error's class, but not its message, which may contain values."""
        span = context.connection and context.connection.info.pop(SPAN_KEY, None)
        if span:
            span.set_attribute("error.type", type(context.original_exception).__qualname__)
            span.set_status(trace.StatusCode.ERROR)
            span.end()


@contextmanager
def trace_statements(engine: Engine, tracers: trace.TracerProvider) -> Iterator[None]:
    """Trace an engine's SQL statements while the context is open."""
    tracer = StatementTracer(engine, tracers)
    listeners: dict[str, Callable[..., object]] = {
        "before_cursor_execute": tracer.start,
        "after_cursor_execute": tracer.end,
        "handle_error": tracer.fail,
    }
    for name, listener in listeners.items():
        event.listen(engine, name, listener)
    yield
    for name, listener in listeners.items():
        event.remove(engine, name, listener)
