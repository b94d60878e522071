"""Errors that nobody foresaw, reported to Sentry: where they happened, and nothing that was said.

What the log tells with a traceback is reported, whoever logs it: a request, a task, a library.
Neither the words of an error nor the values of variables leave the process, for they may be
somebody's; they stand in the log, under the same `request_id`.
"""

import sys
from collections.abc import Generator, MutableMapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from structlog.typing import EventDict, WrappedLogger

from app import logging, settings
from app.observability.pipeline import PATIENCE
from app.observability.settings import SentrySettings

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

SEVERE = {"critical", "error", "exception"}


@contextmanager
def report_errors() -> Generator[None, None, None]:
    """Report for a while; where it is done already, or nobody wants it, do nothing."""
    config = settings.read(SentrySettings)
    if config.dsn is None or report in logging.EXTRA_PROCESSORS:
        yield
        return
    import sentry_sdk

    sentry_sdk.init(
        config.dsn.get_secret_value(),
        environment=config.environment.value,
        auto_enabling_integrations=False,
        default_integrations=False,
        before_send=wordless,
        include_local_variables=False,
        max_breadcrumbs=0,  # lines of the log, with what they tell
    )
    logging.EXTRA_PROCESSORS.append(report)
    try:
        yield
    finally:
        logging.EXTRA_PROCESSORS.remove(report)
        sentry_sdk.get_client().close(timeout=PATIENCE)
        sentry_sdk.get_global_scope().set_client(None)


def report(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Report what a line tells with a traceback; the line stays as it is."""
    if method in SEVERE and (error := raised(event.get("exc_info"))):
        send(error, event)
    return event


def raised(told: object) -> BaseException | None:
    """Find the error that a line tells of, in any of the ways that logging knows."""
    if isinstance(told, BaseException):
        return told
    if isinstance(told, tuple):
        return told[1] if isinstance(told[1], BaseException) else None
    return sys.exception() if told else None


def send(error: BaseException, told: MutableMapping[str, Any]) -> None:
    """Send an error, where errors are reported, with what joins it to the log and to its trace."""
    if report not in logging.EXTRA_PROCESSORS:
        return
    import sentry_sdk

    with sentry_sdk.new_scope() as scope:
        if request_id := told.get("request_id"):
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


def wordless(event: "Event", _hint: "Hint") -> "Event":
    """Leave out the words of errors, which may repeat what somebody sent."""
    for exception in event.get("exception", {}).get("values", ()):
        exception["value"] = ""
    return event
