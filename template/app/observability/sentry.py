"""Reports of unhandled exceptions to Sentry, with traceback but without messages and values.

Every log line with an exception is reported, whether a request, a task or a library logs it. The
message of an exception and the values of variables may be personal data, so Sentry does not receive
them. The log contains them under the same `request_id`.
"""

import sys
from collections.abc import Generator, MutableMapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from structlog.typing import EventDict, WrappedLogger

from app import logging, settings
from app.observability.pipeline import TIMEOUT
from app.observability.settings import SentrySettings

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

ERROR_METHODS = {"critical", "error", "exception"}


@contextmanager
def report_errors() -> Generator[None, None, None]:
    """Report exceptions while the context is open.

    Do nothing if no DSN is set, or inside another such context.
    """
    config = settings.read(SentrySettings)
    if config.dsn is None or report_exception in logging.EXTRA_PROCESSORS:
        yield
        return
    import sentry_sdk

    sentry_sdk.init(
        config.dsn.get_secret_value(),
        environment=config.environment.value,
        auto_enabling_integrations=False,
        default_integrations=False,
        before_send=remove_messages,
        include_local_variables=False,
        max_breadcrumbs=0,  # log lines, which may contain personal data
    )
    logging.EXTRA_PROCESSORS.append(report_exception)
    try:
        yield
    finally:
        logging.EXTRA_PROCESSORS.remove(report_exception)
        sentry_sdk.get_client().close(timeout=TIMEOUT)
        sentry_sdk.get_global_scope().set_client(None)


def report_exception(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Report the exception of a log line, and return the line unchanged (structlog processor)."""
    if method in ERROR_METHODS and (error := exception_of(event.get("exc_info"))):
        capture(error, event)
    return event


def exception_of(exc_info: object) -> BaseException | None:
    """Return the exception in `exc_info`, in any form that logging accepts."""
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return exc_info[1] if isinstance(exc_info[1], BaseException) else None
    return sys.exception() if exc_info else None


def capture(error: BaseException, event: MutableMapping[str, Any]) -> None:
    """Send an exception to Sentry with its request, trace and span IDs."""
    if report_exception not in logging.EXTRA_PROCESSORS:
        return
    import sentry_sdk

    with sentry_sdk.new_scope() as scope:
        if request_id := event.get("request_id"):
            scope.set_tag("request_id", request_id)
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            scope.set_context(
                "trace",
                {
                    "trace_id": trace.format_trace_id(context.trace_id),
                    "span_id": trace.format_span_id(context.span_id),
                },
            )
        scope.capture_exception(error)


def remove_messages(event: "Event", _hint: "Hint") -> "Event":
    """Remove the messages of exceptions, since they may contain submitted values."""
    for exception in event.get("exception", {}).get("values", ()):
        exception["value"] = ""
    return event
