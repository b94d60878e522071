"""What is set of telemetry: the variables that OpenTelemetry names, and those of Prometheus.

OpenTelemetry's libraries read more of their own from the environment, such as `OTEL_BSP_*`.
"""

import re
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, AliasChoices, Field, NonNegativeInt, PositiveFloat, SecretStr
from pydantic_settings import SettingsConfigDict

from app.settings import Environment, EnvironmentSettings

PAIR = re.compile(r"\s*[^=,\s]+\s*=[^,]*")
WHERE = "Set it to a URL, as in http://collector:4318."
PAIRS = "Set it to pairs, as in key=value,other=value."


def receiver(url: str) -> str:
    """Refuse what is no URL of a collector, without repeating it."""
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if url and not is_url:
        message = "It is not a URL of http or https"
        raise ValueError(message)
    return url.rstrip("/")


def project(value: SecretStr) -> SecretStr:
    """Refuse what is no DSN, without repeating it."""
    parts = urlsplit(value.get_secret_value())
    if parts.scheme not in {"http", "https"} or not (parts.username and parts.path.strip("/")):
        message = "It is not a DSN"
        raise ValueError(message)
    return value


def paired(text: SecretStr) -> SecretStr:
    """Refuse what is no list of pairs, without repeating it."""
    pairs(text)
    return text


def pairs(text: SecretStr) -> dict[str, str]:
    """Read `key=value,other=value`; a character may be percent-encoded (W3C Baggage)."""
    parts = [part for part in text.get_secret_value().split(",") if part.strip()]
    if not all(map(PAIR.fullmatch, parts)):
        message = "It is not a list of pairs"
        raise ValueError(message)
    split = [part.split("=", 1) for part in parts]
    return {unquote(key.strip()): unquote(value.strip()) for key, value in split}


Receiver = Annotated[str, AfterValidator(receiver)]
Pairs = Annotated[SecretStr, AfterValidator(paired)]
Destination = Literal["otlp", "none"]


class TelemetrySettings(EnvironmentSettings):
    """What OpenTelemetry is told; without an endpoint, nothing is sent."""

    model_config = SettingsConfigDict(env_prefix="OTEL_")

    environment: Environment = Field(Environment.PRODUCTION, validation_alias="ENVIRONMENT")
    sdk_disabled: bool = Field(default=False, description="Set it to true or false.")
    service_name: str = Field("", description="Set it to a name, or leave it out.")
    resource_attributes: Pairs = Field(SecretStr(""), description=PAIRS)
    exporter_otlp_endpoint: Receiver = Field("", description=WHERE)
    exporter_otlp_traces_endpoint: Receiver = Field("", description=f"{WHERE[:-1]}/v1/traces.")
    exporter_otlp_metrics_endpoint: Receiver = Field("", description=f"{WHERE[:-1]}/v1/metrics.")
    exporter_otlp_headers: Pairs = Field(SecretStr(""), description=PAIRS)
    exporter_otlp_protocol: Literal["http/protobuf"] = Field(
        "http/protobuf", description="Set it to http/protobuf, which collectors take at port 4318."
    )
    traces_exporter: Destination = Field("otlp", description="Set it to otlp or none.")
    metrics_exporter: Destination = Field("otlp", description="Set it to otlp or none.")
    metric_export_interval: PositiveFloat = Field(
        60_000, description="Set it to a number of milliseconds."
    )
    traces_sampler: Literal[
        "always_on",
        "always_off",
        "traceidratio",
        "parentbased_always_on",
        "parentbased_always_off",
        "parentbased_traceidratio",
    ] = Field(
        "parentbased_always_on", description="Set it to always_on, parentbased_traceidratio, …"
    )
    traces_sampler_arg: float = Field(
        1, ge=0, le=1, description="Set it to a share, from 0 to 1, for a sampler of a ratio."
    )

    @property
    def traces_to(self) -> str:
        """Where spans are sent; empty for nowhere."""
        return self._to("traces", self.exporter_otlp_traces_endpoint, self.traces_exporter)

    @property
    def metrics_to(self) -> str:
        """Where metrics are sent; empty for nowhere."""
        return self._to("metrics", self.exporter_otlp_metrics_endpoint, self.metrics_exporter)

    def _to(self, signal: str, own: str, exporter: Destination) -> str:
        if self.sdk_disabled or exporter == "none":
            return ""
        shared = self.exporter_otlp_endpoint
        return own or (f"{shared}/v1/{signal}" if shared else "")


class MetricsSettings(EnvironmentSettings):
    """Where Prometheus finds the metrics of this process; without a port, nowhere."""

    model_config = SettingsConfigDict(env_prefix="METRICS_")

    host: str = Field(
        "127.0.0.1",
        validation_alias=AliasChoices("METRICS_HOST", "HOST"),
        description="Set it to an address; 0.0.0.0 for all.",
    )
    port: NonNegativeInt | None = Field(
        None, le=65535, description="Set it to a port, as in 9464, or leave it out."
    )


class SentrySettings(EnvironmentSettings):
    """Where errors are reported that nobody foresaw; without an address, nowhere."""

    model_config = SettingsConfigDict(env_prefix="SENTRY_")

    environment: Environment = Field(Environment.PRODUCTION, validation_alias="ENVIRONMENT")
    dsn: Annotated[SecretStr, AfterValidator(project)] | None = Field(
        None, description="Set it to the DSN that Sentry shows for the project, or leave it out."
    )
