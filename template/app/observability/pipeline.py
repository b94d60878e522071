"""Export pipeline of telemetry: providers, sampler, exporters and readers.

Heavy libraries are imported only if something is exported. Spans are queued, and a thread exports
them in batches, so requests never wait for a collector. A full queue drops spans.
"""

import time
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, ClassVar

from opentelemetry import metrics, trace

from app import settings
from app.observability.settings import MetricsSettings, TelemetrySettings, parse_pairs
from app.state import StateKey

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.sampling import Sampler
    from prometheus_client import CollectorRegistry

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 1.0  # seconds that a shutdown waits for a collector


@dataclass
class Pipeline:
    """The tracer provider and the meter provider, which do nothing by default."""

    tracer_provider: trace.TracerProvider = field(default_factory=trace.NoOpTracerProvider)
    meter_provider: metrics.MeterProvider = field(default_factory=metrics.NoOpMeterProvider)
    registry: "CollectorRegistry | None" = None  # metrics that Prometheus scrapes

    is_global: ClassVar[bool] = False

    @property
    def exports_traces(self) -> bool:
        """Whether spans are recorded and exported."""
        return not isinstance(self.tracer_provider, trace.NoOpTracerProvider)

    @property
    def has_metrics(self) -> bool:
        """Whether metrics are recorded, to be scraped or exported."""
        return not isinstance(self.meter_provider, metrics.NoOpMeterProvider)

    def set_global(self) -> None:
        """Set the global providers, which `trace.get_tracer` uses.

        They can be set only once per process.
        """
        if not Pipeline.is_global and (self.exports_traces or self.has_metrics):
            Pipeline.is_global = True
            trace.set_tracer_provider(self.tracer_provider)
            metrics.set_meter_provider(self.meter_provider)

    def flush(self) -> None:
        """Export the queued spans and metrics, for at most `TIMEOUT`."""
        run_with_timeout(self._each("force_flush"))

    def close(self) -> None:
        """Export queued spans and metrics for at most `TIMEOUT`, then shut down the providers."""
        run_with_timeout(self._each("shutdown"))

    def _each(self, method: str) -> list[Callable[[], object]]:
        providers = (self.tracer_provider, self.meter_provider)
        return [getattr(provider, method) for provider in providers if hasattr(provider, method)]


PIPELINE = StateKey[Pipeline]("observability")


def run_with_timeout(functions: Iterable[Callable[[], object]]) -> None:
    """Run functions in daemon threads; abandon those that take longer than `TIMEOUT`."""
    threads = [Thread(target=function, daemon=True) for function in functions]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + TIMEOUT
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))


def current_pipeline() -> Pipeline:
    """Return the pipeline that the environment variables configure.

    Raises:
        ConfigurationError: a setting is invalid.
    """
    return create_pipeline(settings.read(TelemetrySettings), settings.read(MetricsSettings))


@cache
def create_pipeline(config: TelemetrySettings, metrics_config: MetricsSettings) -> Pipeline:
    """Create the pipeline that the settings configure (cached).

    Packages of disabled parts are not imported.
    """
    pipeline = Pipeline()
    if config.traces_url:
        pipeline.tracer_provider = create_tracer_provider(config)
    if metrics_config.port is not None:
        pipeline.registry = create_registry()
    if config.metrics_url or pipeline.registry:
        pipeline.meter_provider = create_meter_provider(config, pipeline.registry)
    return pipeline


def create_tracer_provider(config: TelemetrySettings) -> trace.TracerProvider:
    """Create a tracer provider that redacts spans and exports them in batches."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from app.observability.redaction import RedactionProcessor

    provider = TracerProvider(
        create_sampler(config), create_resource(config), shutdown_on_exit=False
    )
    headers = parse_pairs(config.exporter_otlp_headers)
    exporter = OTLPSpanExporter(config.traces_url, headers=headers or None)
    provider.add_span_processor(RedactionProcessor())
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def create_sampler(config: TelemetrySettings) -> "Sampler":
    """Create the sampler that `OTEL_TRACES_SAMPLER` names.

    A parent-based sampler follows the caller's sampling decision.
    """
    from opentelemetry.sdk.trace import sampling

    roots: dict[str, Sampler] = {
        "always_on": sampling.ALWAYS_ON,
        "always_off": sampling.ALWAYS_OFF,
        "traceidratio": sampling.TraceIdRatioBased(config.traces_sampler_arg),
    }
    root = roots[config.traces_sampler.removeprefix("parentbased_")]
    is_root = config.traces_sampler in roots
    return root if is_root else sampling.ParentBased(root)


def create_meter_provider(
    config: TelemetrySettings, registry: "CollectorRegistry | None"
) -> metrics.MeterProvider:
    """Create a meter provider whose metrics are scraped, exported, or both."""
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    readers: list[MetricReader] = []
    if registry:
        readers.append(PrometheusMetricReader(scope_info_enabled=False, registry=registry))
    if config.metrics_url:
        headers = parse_pairs(config.exporter_otlp_headers)
        exporter = OTLPMetricExporter(config.metrics_url, headers=headers or None)
        readers.append(PeriodicExportingMetricReader(exporter, config.metric_export_interval))
    return MeterProvider(
        readers, create_resource(config), AlwaysOffExemplarFilter(), shutdown_on_exit=False
    )


def create_registry() -> "CollectorRegistry":
    """Create a Prometheus registry without the default collectors."""
    from prometheus_client import CollectorRegistry

    return CollectorRegistry()


def create_resource(config: TelemetrySettings) -> "Resource":
    """Create the telemetry resource with name, version and environment of the service."""
    from opentelemetry.sdk.resources import Resource

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    defaults = {
        "service.name": project["name"],
        "service.version": project["version"],
        "deployment.environment.name": config.environment.value,
    }
    configured = parse_pairs(config.resource_attributes)
    name = {"service.name": config.service_name} if config.service_name else {}
    return Resource.create({**defaults, **configured, **name})
