"""The way of spans and metrics out of this process: made once for each way to set it.

What is heavy to import waits until there is something to make. Nobody waits for a collector: spans
stand in a queue that a thread empties, and that drops what is too much.
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
from app.observability.settings import MetricsSettings, TelemetrySettings, pairs
from app.state import StateKey

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.sampling import Sampler
    from prometheus_client import CollectorRegistry

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 1.0  # seconds that a process which stops waits for a collector


@dataclass
class Pipeline:
    """Makes spans and metrics, where somebody wants them."""

    tracers: trace.TracerProvider = field(default_factory=trace.NoOpTracerProvider)
    meters: metrics.MeterProvider = field(default_factory=metrics.NoOpMeterProvider)
    registry: "CollectorRegistry | None" = None  # what Prometheus reads

    published: ClassVar[bool] = False

    @property
    def traces(self) -> bool:
        """Whether spans are made."""
        return not isinstance(self.tracers, trace.NoOpTracerProvider)

    @property
    def measures(self) -> bool:
        """Whether anything is measured."""
        return not isinstance(self.meters, metrics.NoOpMeterProvider)

    def publish(self) -> None:
        """Be what `trace.get_tracer(__name__)` finds in any module; a process has one for good."""
        if not Pipeline.published and (self.traces or self.measures):
            Pipeline.published = True
            trace.set_tracer_provider(self.tracers)
            metrics.set_meter_provider(self.meters)

    def flush(self) -> None:
        """Send what waits, as long as patience lasts."""
        bounded(self._each("force_flush"))

    def close(self) -> None:
        """Send what waits, as long as patience lasts, and make nothing more."""
        bounded(self._each("shutdown"))

    def _each(self, method: str) -> list[Callable[[], object]]:
        made = (self.tracers, self.meters)
        return [getattr(provider, method) for provider in made if hasattr(provider, method)]


PIPELINE = StateKey[Pipeline]("observability")


def bounded(works: Iterable[Callable[[], object]]) -> None:
    """Run each in a thread, and leave behind what is not done when patience ends."""
    threads = [Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    end = time.monotonic() + PATIENCE
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))


def current() -> Pipeline:
    """Give the pipeline that the environment describes.

    Raises:
        ConfigurationError: a setting is malformed.
    """
    return pipeline(settings.read(TelemetrySettings), settings.read(MetricsSettings))


@cache
def pipeline(config: TelemetrySettings, scraped: MetricsSettings) -> Pipeline:
    """Make what is wanted, and no more."""
    made = Pipeline()
    if config.traces_to:
        made.tracers = tracers(config)
    if scraped.port is not None:
        made.registry = registry()
    if config.metrics_to or made.registry:
        made.meters = meters(config, made.registry)
    return made


def tracers(config: TelemetrySettings) -> trace.TracerProvider:
    """Make spans, and send them in batches."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from app.observability.redaction import RedactionProcessor

    made = TracerProvider(sampler(config), resource(config), shutdown_on_exit=False)
    headers = pairs(config.exporter_otlp_headers)
    made.add_span_processor(RedactionProcessor())
    made.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(config.traces_to, headers=headers or None))
    )
    return made


def sampler(config: TelemetrySettings) -> "Sampler":
    """Choose which traces are kept; one that is parent-based does as the caller does."""
    from opentelemetry.sdk.trace import sampling

    roots: dict[str, Sampler] = {
        "always_on": sampling.ALWAYS_ON,
        "always_off": sampling.ALWAYS_OFF,
        "traceidratio": sampling.TraceIdRatioBased(config.traces_sampler_arg),
    }
    root = roots[config.traces_sampler.removeprefix("parentbased_")]
    is_root = config.traces_sampler in roots
    return root if is_root else sampling.ParentBased(root)


def meters(
    config: TelemetrySettings, registry: "CollectorRegistry | None"
) -> metrics.MeterProvider:
    """Measure, for whoever asks and for whom it is sent to."""
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    readers: list[MetricReader] = []
    if registry:
        readers.append(PrometheusMetricReader(scope_info_enabled=False, registry=registry))
    if config.metrics_to:
        headers = pairs(config.exporter_otlp_headers)
        exporter = OTLPMetricExporter(config.metrics_to, headers=headers or None)
        readers.append(PeriodicExportingMetricReader(exporter, config.metric_export_interval))
    return MeterProvider(
        readers, resource(config), AlwaysOffExemplarFilter(), shutdown_on_exit=False
    )


def registry() -> "CollectorRegistry":
    """Make what Prometheus reads, of this service alone."""
    from prometheus_client import CollectorRegistry

    return CollectorRegistry()


def resource(config: TelemetrySettings) -> "Resource":
    """Say which service this is, and where it runs."""
    from opentelemetry.sdk.resources import Resource

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    own = {
        "service.name": project["name"],
        "service.version": project["version"],
        "deployment.environment.name": config.environment.value,
    }
    given = pairs(config.resource_attributes)
    named = {"service.name": config.service_name} if config.service_name else {}
    return Resource.create({**own, **given, **named})
