"""Observability: traces, metrics and reports of errors, of every process of the service.

FastAPI makes the spans and the metrics of requests, OpenTelemetry sends them, Prometheus may fetch
them, and Sentry is told of errors. Each is off until it is told where to. No other part of the
service knows them: what makes spans can be replaced here.
"""

from app.observability.instrumentation import config, install
from app.observability.lifecycle import instrumented

__all__ = ["config", "install", "instrumented"]
