"""Metrics for Prometheus, at a port of their own: no client, no proxy and no token leads there.

A thread serves them, so that they tell of an event loop that hangs, too.
"""

from collections.abc import Generator
from contextlib import contextmanager

from app.observability.pipeline import Pipeline
from app.observability.settings import MetricsSettings
from app.settings import ConfigurationError


@contextmanager
def serve_metrics(pipeline: Pipeline, config: MetricsSettings) -> Generator[int, None, None]:
    """Serve the metrics of this process; give the port, or 0 where nobody asked for them.

    Raises:
        ConfigurationError: the port is taken, as it is by another process of the same service.
    """
    if config.port is None or pipeline.registry is None:
        yield 0
        return
    from prometheus_client import start_http_server

    try:
        server, thread = start_http_server(config.port, config.host, pipeline.registry)
    except OSError:
        message = (
            "METRICS_PORT: nobody can listen there; is it taken? "
            "Each process needs a port of its own, or a container of its own."
        )
        raise ConfigurationError(message) from None
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
