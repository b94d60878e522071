"""Traces, metrics and error reports of a process, exported until it exits."""

from argparse import Namespace
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from functools import wraps

from opentelemetry import trace

from app import settings
from app.observability.pipeline import Pipeline, current_pipeline
from app.observability.prometheus import serve_metrics
from app.observability.sentry import capture, report_errors
from app.observability.settings import MetricsSettings

WRAPPERS = {"dev"}  # commands that run another process; that process is observed
LONG_RUNNING = {"serve", "worker"}  # commands with metrics instead of one span


def instrumented(run: Callable[[Namespace], int]) -> Callable[[Namespace], int]:
    """Decorate a command to export its traces, metrics and error reports."""

    @wraps(run)
    def observed(arguments: Namespace) -> int:
        with observe_process(run.__name__):
            return run(arguments)

    return observed


@contextmanager
def observe_process(command: str) -> Generator[None, None, None]:
    """Export the telemetry and report the errors of a command while it runs.

    Long-running commands serve metrics. Other commands create a span.

    Raises:
        ConfigurationError: a setting is invalid, or the port of `METRICS_PORT` is in use.
    """
    if command in WRAPPERS:
        yield
        return
    pipeline = current_pipeline()
    pipeline.set_global()
    with ExitStack() as stack:
        stack.callback(pipeline.close)
        stack.enter_context(report_errors())
        if command in LONG_RUNNING:
            stack.enter_context(serve_metrics(pipeline, settings.read(MetricsSettings)))
        else:
            stack.enter_context(trace_command(pipeline, command))
        yield


@contextmanager
def trace_command(pipeline: Pipeline, command: str) -> Generator[None, None, None]:
    """Create a span for a command, and report an unhandled exception."""
    tracer = pipeline.tracer_provider.get_tracer(__name__)
    with tracer.start_as_current_span(
        command, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield
        except Exception as error:
            span.set_attribute("error.type", type(error).__qualname__)
            span.set_status(trace.StatusCode.ERROR)
            if not isinstance(error, settings.ConfigurationError):
                capture(error, {})
            raise
