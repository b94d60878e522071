"""Where workers hear of jobs."""

from pydantic import Field, ValidationInfo
from pydantic import field_validator as validator
from pydantic_settings import SettingsConfigDict
from sqlalchemy import URL

from app import settings
from app.jobs.broker import Broker
from app.settings import Environment
from app.valkey import ValkeyUrl


class BrokerSettings(settings.EnvironmentSettings):
    """Where workers hear of jobs."""

    model_config = SettingsConfigDict(env_prefix="TASKS_")

    environment: Environment = Field(Environment.PRODUCTION, validation_alias="ENVIRONMENT")
    url: ValkeyUrl | None = Field(
        None, validate_default=True, description="Set it to redis://host:6379/0."
    )

    @validator("url")
    @classmethod
    def given(cls, value: URL | None, info: ValidationInfo) -> URL | None:
        """Refuse production without a Valkey; in development, the service does its jobs itself."""
        if value is None and info.data.get("environment") is Environment.PRODUCTION:
            message = "It is missing"
            raise ValueError(message)
        return value


def connect(name: str) -> Broker | None:
    """Give what reaches the workers of a service; nothing, where no Valkey is named."""
    url = settings.read(BrokerSettings).url
    return Broker(url, name) if url else None
