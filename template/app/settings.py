"""Settings: read from the environment and from `.env`, checked as the service starts.

An integration keeps its own settings beside its code, in a class made from `EnvironmentSettings`.
"""

import json
import os
from enum import StrEnum
from typing import Annotated, TypeVar

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import URL

from app.state import StateKey

PLACEHOLDERS = frozenset(
    {"admin", "change-me", "changeme", "changethis", "example", "password", "postgres", "secret"}
)


class Environment(StrEnum):
    """Where the service runs."""

    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


class ConfigurationError(Exception):
    """The settings make no service; each line names a variable and the mend, never a value."""


def split(value: object) -> object:
    """Read `a, b` or `["a", "b"]` as a list."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return json.loads(value)
    return [part.strip() for part in value.split(",") if part.strip()]


Strings = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split)]


class EnvironmentSettings(BaseSettings):
    """Settings that one part of the service reads; a field's description says how to set it."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class Settings(EnvironmentSettings):
    """What every deployment decides."""

    environment: Environment = Field(
        Environment.PRODUCTION, description="Set it to development, test or production."
    )
    docs: bool | None = Field(
        None, description="Set it to true or false; unset, the documentation is off in production."
    )

    @property
    def serves_docs(self) -> bool:
        return self.environment is not Environment.PRODUCTION if self.docs is None else self.docs


SETTINGS = StateKey[Settings]("settings")

S = TypeVar("S", bound=EnvironmentSettings)


def read(kind: type[S]) -> S:
    """Read settings of this kind.

    `ENV_FILE` names another file than `.env`; empty, none is read.

    Raises:
        ConfigurationError: a variable is missing, malformed, or a placeholder in production.
    """
    try:
        settings = kind(_env_file=os.environ.get("ENV_FILE", ".env") or None)
    except ValidationError as error:
        # Without its cause: pydantic's error may carry what was given.
        raise ConfigurationError(_told(kind, error)) from None
    if problems := _placeholders(settings):
        raise ConfigurationError(problems)
    return settings


def _variable(kind: type[EnvironmentSettings], field: str) -> str:
    return f"{kind.model_config.get('env_prefix', '')}{field}".upper()


def _told(kind: type[EnvironmentSettings], error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        field = str(problem["loc"][0]) if problem["loc"] else ""
        words = "is missing" if problem["type"] == "missing" else problem["msg"]
        mend = kind.model_fields[field].description if field in kind.model_fields else ""
        lines.append(f"{_variable(kind, field)}: {words}. {mend}".strip())
    return "\n".join(lines)


def _placeholders(settings: EnvironmentSettings) -> str:
    found = [field for field, value in settings if _secret(value).lower() in PLACEHOLDERS]
    if not found or _environment(settings) is not Environment.PRODUCTION:
        return ""
    return "\n".join(
        f"{_variable(type(settings), field)}: its secret is a placeholder. "
        "Set one of your own, or ENVIRONMENT=development."
        for field in found
    )


def _environment(settings: EnvironmentSettings) -> Environment:
    return settings.environment if isinstance(settings, Settings) else read(Settings).environment


def _secret(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return value.password or "" if isinstance(value, URL) else ""
