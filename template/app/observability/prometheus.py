"""Endpoint that Prometheus scrapes, on a separate port that clients and proxies do not reach.

A separate thread serves the endpoint, so a blocked event loop can still be observed.
"""

from collections.abc import Generator
from contextlib import contextmanager

from app.observability.pipeline import Pipeline
from app.observability.settings import MetricsSettings
from app.settings import ConfigurationError


@contextmanager
def serve_metrics(pipeline: Pipeline, config: MetricsSettings) -> Generator[int, None, None]:
    """Serve this process's metrics; yield the port, or 0 if `METRICS_PORT` is unset.

    Raises:
        ConfigurationError: the port is in use, e.g. by another process of the service.
    """
    if config.port is None or pipeline.registry is None:
        yield 0
        return
    from prometheus_client import start_http_server

    try:
        server, thread = start_http_server(config.port, config.host, pipeline.registry)
    except OSError:
        message = (
            f"METRICS_PORT: cannot listen on {config.host}:{config.port}; the port may be in use. "
            "Set it to a free port: each process needs its own, or a container of its own."
        )
        raise ConfigurationError(message) from None
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
