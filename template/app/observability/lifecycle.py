"""What is seen of a process, whatever its command."""

from argparse import Namespace
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from functools import wraps

from opentelemetry import trace

from app import settings
from app.observability.pipeline import Pipeline, current
from app.observability.prometheus import serve_metrics
from app.observability.sentry import report_errors, send
from app.observability.settings import MetricsSettings

ELSEWHERE = {"dev"}  # commands for which another process works
LASTING = {"serve", "worker"}  # commands that go on until they are told to stop


def instrumented(run: Callable[[Namespace], int]) -> Callable[[Namespace], int]:
    """Watch a command of the service."""

    @wraps(run)
    def watching(given: Namespace) -> int:
        with process_span(run.__name__):
            return run(given)

    return watching


@contextmanager
def process_span(command: str) -> Generator[None, None, None]:
    """Watch this process for as long as a command runs.

    Raises:
        ConfigurationError: a setting is malformed, or the port for metrics is taken.
    """
    if command in ELSEWHERE:
        yield
        return
    made = current()
    made.publish()
    with ExitStack() as stack:
        stack.callback(made.close)
        stack.enter_context(report_errors())
        if command in LASTING:
            stack.enter_context(serve_metrics(made, settings.read(MetricsSettings)))
        else:
            stack.enter_context(span(made, command))
        yield


@contextmanager
def span(made: Pipeline, command: str) -> Generator[None, None, None]:
    """Make a span of a command that ends; report why, where nobody foresaw it."""
    tracer = made.tracers.get_tracer(__name__)
    with tracer.start_as_current_span(
        command, record_exception=False, set_status_on_exception=False
    ) as made_span:
        try:
            yield
        except Exception as error:
            made_span.set_attribute("error.type", type(error).__qualname__)
            made_span.set_status(trace.StatusCode.ERROR)
            if not isinstance(error, settings.ConfigurationError):
                send(error, {})
            raise
