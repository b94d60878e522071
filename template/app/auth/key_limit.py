"""The maximum number of API keys of a user."""

from typing import Annotated

from fastapi import Depends, FastAPI
from pydantic import Field, PositiveInt
from pydantic_settings import SettingsConfigDict
from starlette.requests import HTTPConnection

from app import settings
from app.state import StateKey


class ApiKeySettings(settings.EnvironmentSettings):
    """Settings of API keys: how many keys a user may have."""

    model_config = SettingsConfigDict(env_prefix="API_KEYS_")

    per_user: PositiveInt = Field(20, description="Set it to a number of keys.")


LIMIT = StateKey[int]("api_key_limit")


async def key_limit(connection: HTTPConnection) -> int:
    """Return the maximum number of API keys of a user (a dependency)."""
    return LIMIT.get(connection.app)


KeyLimit = Annotated[int, Depends(key_limit)]


def install(app: FastAPI) -> None:
    """Read the maximum number of API keys of a user."""
    LIMIT.set(app, settings.read(ApiKeySettings).per_user)
