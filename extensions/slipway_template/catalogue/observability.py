"""Traces, metrics and error reports."""

from __future__ import annotations

from .model import Feature, Setting

OBSERVABILITY = Feature(
    name="observability",
    summary="traces, metrics and reports of errors",
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
            meaning="The collector that takes traces and metrics by OTLP over HTTP; without it, nothing is sent.",
        ),
        Setting(
            name="OTEL_EXPORTER_OTLP_HEADERS",
            is_secret=True,
            example="authorization=Bearer%20change-me",
            meaning="Headers for it, as pairs; characters may be percent-encoded.",
        ),
        Setting(
            name="OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            example="http://localhost:4318/v1/traces",
            meaning="Another one for traces alone, with its path.",
        ),
        Setting(
            name="OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
            example="http://localhost:4318/v1/metrics",
            meaning="Another one for metrics alone, with its path.",
        ),
        Setting(name="OTEL_TRACES_EXPORTER", example="otlp", meaning="otlp (the default), or none to send no traces."),
        Setting(
            name="OTEL_METRICS_EXPORTER",
            example="none",
            meaning="otlp (the default), or none to send no metrics, where Prometheus fetches them.",
        ),
        Setting(name="OTEL_METRIC_EXPORT_INTERVAL", example="60000", meaning="Milliseconds between sending metrics."),
        Setting(name="OTEL_SERVICE_NAME", example="shop", meaning="What the service is called in traces."),
        Setting(
            name="OTEL_RESOURCE_ATTRIBUTES",
            example="service.namespace=shop,k8s.cluster.name=east",
            meaning="What else is told of the process, as pairs.",
        ),
        Setting(
            name="OTEL_TRACES_SAMPLER",
            example="parentbased_traceidratio",
            meaning="Which traces are kept; all of them if unset, unless a caller has decided.",
        ),
        Setting(name="OTEL_TRACES_SAMPLER_ARG", example="0.1", meaning="The share that a sampler of a ratio keeps."),
        Setting(name="OTEL_SDK_DISABLED", example="false", meaning="Whether to send nothing, whatever else is set."),
        Setting(
            name="METRICS_PORT",
            example="9464",
            meaning="The port at which Prometheus finds /metrics; without it, nowhere.",
        ),
        Setting(name="METRICS_HOST", example="127.0.0.1", meaning="The address of that port; that of HOST if unset."),
        Setting(
            name="SENTRY_DSN",
            is_secret=True,
            example="https://key@o0.ingest.sentry.io/0",
            meaning="Where errors are reported that nobody foresaw; without it, nowhere.",
        ),
    ),
    guidance=("Put no values, headers or addresses into spans, metrics or reports; name what happened.",),
)
