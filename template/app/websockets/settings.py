"""Settings of WebSockets and server-sent events."""

from collections.abc import Mapping

from pydantic import Field, PositiveFloat, PositiveInt
from pydantic_settings import SettingsConfigDict

from app import settings, valkey


class WebSocketSettings(settings.EnvironmentSettings):
    """Settings of WebSockets: limits, and the Valkey through which processes exchange messages."""

    model_config = SettingsConfigDict(env_prefix="WEBSOCKETS_")

    url: valkey.ValkeyUrl | None = Field(
        None, repr=False, description="Set it to redis://host:6379/0, or leave it out."
    )
    limit: PositiveInt = Field(10_000, description="Set it to a number of connections.")
    caller_limit: PositiveInt = Field(50, description="Set it to a number of connections.")
    message_limit: PositiveInt = Field(4096, description="Set it to a number of bytes.")
    queue_limit: PositiveInt = Field(256, description="Set it to a number of messages.")
    heartbeat: PositiveFloat = Field(20, description="Set it to a number of seconds.")

    def connections(self) -> Mapping[str, settings.Probe]:
        """Return a function that connects to Valkey, if its URL is set."""
        return valkey.connections(self.url)
