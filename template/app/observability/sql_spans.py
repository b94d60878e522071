"""The statements of a request, as spans: what was asked of the database, and for how long.

A statement's text has places for values, and none of the values. What no request asks for, such as
a probe, makes no span. It listens to SQLAlchemy, so that every database and driver tells alike.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from opentelemetry import trace
from sqlalchemy import Connection, Engine, ExceptionContext, event

SPAN = "observability.span"  # where a connection keeps the span of its statement


class Statements:
    """Makes a span of every statement of an engine."""

    def __init__(self, engine: Engine, tracers: trace.TracerProvider) -> None:
        self.tracer = tracers.get_tracer(__name__)
        url = engine.url
        known = {
            "db.system.name": engine.dialect.name,
            "db.namespace": url.database,
            "server.address": url.host,
            "server.port": url.port,
        }
        self.attributes = {name: value for name, value in known.items() if value is not None}

    def begin(self, connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        """Begin the span, as a child of what asks."""
        if not trace.get_current_span().is_recording():
            return
        name = statement.split(None, 1)[0].upper() if statement.strip() else "SQL"
        connection.info[SPAN] = self.tracer.start_span(
            name,
            kind=trace.SpanKind.CLIENT,
            attributes={**self.attributes, "db.operation.name": name, "db.query.text": statement},
        )

    def end(self, connection: Connection, *_: object) -> None:
        """End the span."""
        if span := connection.info.pop(SPAN, None):
            span.end()

    def fail(self, context: ExceptionContext) -> None:
        """End the span with the kind of the error; its words may hold values."""
        span = context.connection and context.connection.info.pop(SPAN, None)
        if span:
            span.set_attribute("error.type", type(context.original_exception).__qualname__)
            span.set_status(trace.StatusCode.ERROR)
            span.end()


@contextmanager
def trace_statements(engine: Engine, tracers: trace.TracerProvider) -> Iterator[None]:
    """Trace an engine's statements for a while."""
    statements = Statements(engine, tracers)
    listeners: dict[str, Callable[..., object]] = {
        "before_cursor_execute": statements.begin,
        "after_cursor_execute": statements.end,
        "handle_error": statements.fail,
    }
    for name, listener in listeners.items():
        event.listen(engine, name, listener)
    yield
    for name, listener in listeners.items():
        event.remove(engine, name, listener)
