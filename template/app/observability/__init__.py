"""Observability: every process of the service exports traces, metrics and error reports.

FastAPI creates the spans and metrics of requests, OpenTelemetry exports them, Prometheus may scrape
the metrics, and Sentry receives unhandled exceptions. Each of them is disabled until its endpoint
is configured. No other part of the service imports these libraries, so they can be replaced here.
"""

from app.observability.instrumentation import config, install
from app.observability.lifecycle import instrumented

__all__ = ["config", "install", "instrumented"]
