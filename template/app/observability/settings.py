"""Settings of OpenTelemetry, the Prometheus endpoint and Sentry.

OpenTelemetry's libraries read further variables themselves, such as `OTEL_BSP_*`.
"""

import re
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    NonNegativeInt,
    PositiveFloat,
    SecretStr,
)
from pydantic_settings import SettingsConfigDict

from app.settings import Environment, EnvironmentSettings

PAIR = re.compile(r"\s*[^=,\s]+\s*=[^,]*")
ENDPOINT_HINT = "Set it to a URL, e.g. http://collector:4318."
PAIRS_HINT = "Set it to pairs, e.g. key=value,other=value."


def validate_endpoint(url: str) -> str:
    """Reject an invalid collector URL; the error message omits the URL."""
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if url and not is_url:
        message = "It must be an http or https URL"
        raise ValueError(message)
    return url.rstrip("/")


def validate_dsn(value: SecretStr) -> SecretStr:
    """Reject an invalid DSN; the error message omits the DSN."""
    try:
        parts = urlsplit(value.get_secret_value())
        is_dsn = parts.scheme in {"http", "https"} and parts.username and parts.path.strip("/")
    except ValueError:
        is_dsn = False
    if not is_dsn:
        message = "It must be a DSN, e.g. https://key@host/project"
        raise ValueError(message)
    return value


def validate_pairs(text: SecretStr) -> SecretStr:
    """Reject an invalid list of pairs; the error message omits the list."""
    parse_pairs(text)
    return text


def parse_pairs(text: SecretStr) -> dict[str, str]:
    """Parse `key=value,other=value`; values may be percent-encoded (W3C Baggage)."""
    parts = [part for part in text.get_secret_value().split(",") if part.strip()]
    if not all(map(PAIR.fullmatch, parts)):
        message = "It must be a list of pairs: key=value,other=value"
        raise ValueError(message)
    split = [part.split("=", 1) for part in parts]
    return {unquote(key.strip()): unquote(value.strip()) for key, value in split}


Endpoint = Annotated[str, AfterValidator(validate_endpoint)]
Pairs = Annotated[SecretStr, AfterValidator(validate_pairs)]
Lowercase = BeforeValidator(lambda value: str(value).lower())  # as OpenTelemetry specifies
Destination = Annotated[Literal["otlp", "none"], Lowercase]


class TelemetrySettings(EnvironmentSettings):
    """Settings of OpenTelemetry (`OTEL_…`).

    Without an endpoint, nothing is exported.
    """

    model_config = SettingsConfigDict(env_prefix="OTEL_")

    environment: Environment = Field(Environment.PRODUCTION, validation_alias="ENVIRONMENT")
    sdk_disabled: bool = Field(default=False, description="Set it to true or false.")
    service_name: str = Field("", description="Set it to a name; by default, the project's.")
    resource_attributes: Pairs = Field(SecretStr(""), description=PAIRS_HINT)
    exporter_otlp_endpoint: Endpoint = Field("", description=ENDPOINT_HINT)
    exporter_otlp_traces_endpoint: Endpoint = Field(
        "", description=f"{ENDPOINT_HINT[:-1]}/v1/traces."
    )
    exporter_otlp_metrics_endpoint: Endpoint = Field(
        "", description=f"{ENDPOINT_HINT[:-1]}/v1/metrics."
    )
    exporter_otlp_headers: Pairs = Field(SecretStr(""), description=PAIRS_HINT)
    exporter_otlp_protocol: Literal["http/protobuf"] = Field(
        "http/protobuf", description="Set it to http/protobuf, the protocol of port 4318."
    )
    traces_exporter: Destination = Field("otlp", description="Set it to otlp or none.")
    metrics_exporter: Destination = Field("otlp", description="Set it to otlp or none.")
    metric_export_interval: PositiveFloat = Field(
        60_000, description="Set it to a number of milliseconds."
    )
    traces_sampler: Annotated[
        Literal[
            "always_on",
            "always_off",
            "traceidratio",
            "parentbased_always_on",
            "parentbased_always_off",
            "parentbased_traceidratio",
        ],
        Lowercase,
    ] = Field(
        "parentbased_always_on", description="Set it to always_on, parentbased_traceidratio, …"
    )
    traces_sampler_arg: float = Field(
        1, ge=0, le=1, description="Set it to the ratio of sampled traces, from 0 to 1."
    )

    @property
    def traces_url(self) -> str:
        """The URL to export spans to; empty if disabled."""
        return self._url("traces", self.exporter_otlp_traces_endpoint, self.traces_exporter)

    @property
    def metrics_url(self) -> str:
        """The URL to export metrics to; empty if disabled."""
        return self._url("metrics", self.exporter_otlp_metrics_endpoint, self.metrics_exporter)

    def _url(self, signal: str, endpoint: str, exporter: Destination) -> str:
        if self.sdk_disabled or exporter == "none":
            return ""
        shared = self.exporter_otlp_endpoint
        return endpoint or (f"{shared}/v1/{signal}" if shared else "")


class MetricsSettings(EnvironmentSettings):
    """Address of the endpoint that Prometheus scrapes.

    Without a port, there is no endpoint.
    """

    model_config = SettingsConfigDict(env_prefix="METRICS_")

    host: str = Field(
        "127.0.0.1",
        validation_alias=AliasChoices("METRICS_HOST", "HOST"),
        description="Set it to an address to listen on; 0.0.0.0 for all.",
    )
    port: NonNegativeInt | None = Field(
        None,
        le=65535,
        description="Set it to a free port, e.g. 9464; unset, no metrics are served.",
    )


class SentrySettings(EnvironmentSettings):
    """Settings of Sentry (`SENTRY_…`).

    Errors are reported only if a DSN is set.
    """

    model_config = SettingsConfigDict(env_prefix="SENTRY_")

    environment: Environment = Field(Environment.PRODUCTION, validation_alias="ENVIRONMENT")
    dsn: Annotated[SecretStr, AfterValidator(validate_dsn)] | None = Field(
        None, description="Set it to the DSN that Sentry shows for the project."
    )
