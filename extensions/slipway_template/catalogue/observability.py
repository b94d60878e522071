"""Features for traces, metrics and error reports."""

from __future__ import annotations

from .model import Feature, Setting

OBSERVABILITY = Feature(
    name="observability",
    summary="traces, metrics and error reports",
    paths=(
        "app/observability/",
        "deploy/kubernetes/components/observability/",
        "deploy/observability/",
        "docs/observability.md",
        "tests/observability/",
        "tests/support/telemetry.py",
    ),
    is_component=True,
    listens={"METRICS_PORT": 9464},
    installs="observability",
    accepts=("baggage", "sentry-trace", "traceparent", "tracestate"),
    watches=True,
    arguments={"telemetry": "observability"},
    explains="observability/",
    runtime=(
        "opentelemetry-api>=1.45,<2",
        "opentelemetry-exporter-otlp-proto-http>=1.45,<2",
        "opentelemetry-exporter-prometheus>=0.66b1,<1",
        "opentelemetry-instrumentation-httpx>=0.66b1,<1",
        "opentelemetry-sdk>=1.45,<2",
        "prometheus-client>=0.26,<1",
        "sentry-sdk>=2.75,<3",
    ),
    test=("opentelemetry-proto>=1.45,<2", "promql-parser>=0.12,<1", "pyyaml>=6.0.3,<7"),
    lint=("types-protobuf>=7", "types-pyyaml>=6.0.12"),
    settings=(
        Setting(
            name="OTEL_EXPORTER_OTLP_ENDPOINT",
            example="http://localhost:4318",
            meaning="URL of the collector of traces and metrics (OTLP over HTTP); without it, nothing is exported.",
        ),
        Setting(
            name="OTEL_EXPORTER_OTLP_HEADERS",
            is_secret=True,
            example="authorization=Bearer%20change-me",
            meaning="Headers of OTLP requests, as comma-separated pairs with percent-encoding.",
        ),
        Setting(
            name="OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            example="http://localhost:4318/v1/traces",
            meaning="URL for traces only, with its path, instead of the common endpoint.",
        ),
        Setting(
            name="OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
            example="http://localhost:4318/v1/metrics",
            meaning="URL for metrics only, with its path, instead of the common endpoint.",
        ),
        Setting(
            name="OTEL_TRACES_EXPORTER", example="otlp", default="otlp", meaning="Exporter of traces: otlp or none."
        ),
        Setting(
            name="OTEL_METRICS_EXPORTER",
            example="none",
            default="otlp",
            meaning="Exporter of metrics: otlp, or none if Prometheus scrapes them.",
        ),
        Setting(
            name="OTEL_METRIC_EXPORT_INTERVAL",
            example="60000",
            default="60000",
            meaning="Milliseconds between exports of metrics.",
        ),
        Setting(
            name="OTEL_SERVICE_NAME",
            example="shop",
            meaning="Name of the service in traces; without it, the project's name.",
        ),
        Setting(
            name="OTEL_RESOURCE_ATTRIBUTES",
            example="service.namespace=shop,k8s.cluster.name=east",
            meaning="Resource attributes, as comma-separated pairs.",
        ),
        Setting(
            name="OTEL_TRACES_SAMPLER",
            example="parentbased_traceidratio",
            default="parentbased_always_on",
            meaning="Sampler of traces; a parent-based one follows the caller's decision.",
        ),
        Setting(
            name="OTEL_TRACES_SAMPLER_ARG",
            example="0.1",
            default="1",
            meaning="Ratio of traces that a ratio-based sampler keeps, from 0 to 1.",
        ),
        Setting(name="OTEL_SDK_DISABLED", example="false", default="false", meaning="Disables all exports."),
        Setting(
            name="METRICS_PORT",
            example="9464",
            meaning="Port of /metrics, scraped by Prometheus; without it, metrics are not served.",
        ),
        Setting(
            name="METRICS_HOST",
            example="127.0.0.1",
            default="127.0.0.1",
            meaning="Address to bind METRICS_PORT to; without it, HOST.",
        ),
        Setting(
            name="SENTRY_DSN",
            is_secret=True,
            example="https://key@o0.ingest.sentry.io/0",
            meaning="Sentry project that receives unhandled exceptions; without it, none are reported.",
        ),
    ),
    guidance=("Put no values, headers or addresses into spans, metrics and error reports; name the event.",),
)
