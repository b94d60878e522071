"""Settings, which are read from environment variables and `.env`, and validated at startup.

Each part of the service defines its own settings beside its code, as a subclass of
`EnvironmentSettings`.
"""

import json
import os
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, ClassVar, TypeVar

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from app.state import StateKey

ROOT = Path(__file__).resolve().parent.parent  # root of the checkout or of the image
ENV_FILE = ".env"  # optional
PREFIX = "/api/v1"  # path prefix of every route of the API
QUOTED = re.compile(r"""(["']).*\1""", re.DOTALL)
PLACEHOLDERS = frozenset(
    {"admin", "change-me", "changeme", "changethis", "example", "password", "postgres", "secret"}
)
IPV6_HOST = re.compile(r"\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*\]")  # such as [::1]


class Choice(StrEnum):
    """Base class of settings with few values, which are read case-insensitively."""

    @classmethod
    def _missing_(cls, value: object) -> "Choice | None":
        return next((each for each in cls if each.lower() == str(value).lower()), None)


class Environment(Choice):
    """The kind of environment that the service runs in."""

    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


class ConfigurationError(Exception):
    """The configuration is invalid.

    The message has one line per variable, with the problem and the fix.

    It never contains a value, which may be a secret.
    """

    heading: ClassVar[str] = "Invalid configuration:\n"


class CommandError(ConfigurationError):
    """A command cannot run; the message names the reason and the fix."""

    heading = "Error: "


def split(value: object) -> object:
    """Parse a list, written as comma-separated values or as a JSON array."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("[") and not IPV6_HOST.match(value.lstrip()):
        try:
            return json.loads(value)
        except ValueError:
            message = "It is not a JSON array"
            raise ValueError(message) from None
    return [part.strip() for part in value.split(",") if part.strip()]


Strings = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split)]


Probe = Callable[[], Awaitable[object]]


class EnvironmentSettings(BaseSettings):
    """Base class of immutable settings from environment variables.

    White space around a value is removed, such as the line break of a mounted secret. An empty
    variable is unset. The error for an invalid field ends with the field's `description`.
    """

    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def strip(cls, values: dict[str, object]) -> dict[str, object]:
        """Remove white space around values, and empty values."""
        stripped = {
            name: value.strip() if isinstance(value, str) else value
            for name, value in values.items()
        }
        return {name: value for name, value in stripped.items() if value != ""}

    @field_validator("*", mode="before")
    @classmethod
    def reject_quotes(cls, value: object) -> object:
        """Reject quotes around a value, which a container engine does not remove."""
        if isinstance(value, str) and QUOTED.fullmatch(value):
            message = "It is in quotes. Leave out the quotes"
            raise ValueError(message)
        return value

    def connections(self) -> Mapping[str, Probe]:
        """Return a function by field that connects to the server of a URL, for `app check`."""
        return {}


def parse_url(value: object) -> URL:
    """Parse a URL with a lower-case scheme; errors omit the URL, which may contain a password."""
    try:
        url = make_url(str(value).strip())
    except (ArgumentError, ValueError):
        message = "It is not a URL"
        raise ValueError(message) from None
    if url.port is not None and not 0 < url.port < 1 << 16:
        message = "Its port is not a number from 1 to 65535"
        raise ValueError(message)
    return url.set(drivername=url.drivername.lower())


def reject_parameters(url: URL, known: Collection[str]) -> None:
    """Reject a URL with a parameter that would have no effect, or fail on connecting."""
    for name in url.query.keys() - set(known):
        known_names = f"only {', '.join(known)}" if known else "none"
        message = f"Its parameter {name} is not supported, {known_names}"
        raise ValueError(message)


class Settings(EnvironmentSettings):
    """Settings that every service has: the environment, and whether to serve /docs."""

    environment: Environment = Field(
        Environment.PRODUCTION, description="Set it to development, test or production."
    )
    docs: bool | None = Field(
        None,
        description="Set it to true or false; by default, the documentation is off in production.",
    )

    @property
    def serves_docs(self) -> bool:
        return self.environment is not Environment.PRODUCTION if self.docs is None else self.docs


SETTINGS = StateKey[Settings]("settings")

S = TypeVar("S", bound=EnvironmentSettings)


def read(kind: type[S]) -> S:
    """Read the settings of a class from the environment, and validate them.

    `ENV_FILE` names the file to read instead of `.env`; no file is read if it is empty.

    Raises:
        ConfigurationError: a variable is missing, malformed, or a placeholder in production, or the
            file cannot be read.
    """
    try:
        settings = kind(_env_file=_env_file())
    except ValidationError as error:
        # `from None`: pydantic's error may contain the value, which may be a secret.
        raise ConfigurationError(_describe(kind, error)) from None
    if problems := _placeholders(settings):
        raise ConfigurationError(problems)
    return settings


def _env_file() -> Path | None:
    """Return the path of the file of settings; None if there is none."""
    name = os.environ.get("ENV_FILE", ENV_FILE)
    if not name or (name == ENV_FILE and not Path(name).is_file()):
        return None
    try:
        path = Path(name).expanduser()
        path.read_text(encoding="utf-8")
    except (OSError, RuntimeError, UnicodeDecodeError):
        problem = f"ENV_FILE: its file (by default {ENV_FILE}) cannot be read as UTF-8."
        message = f"{problem} Set it to an existing file in UTF-8."
        raise ConfigurationError(message) from None
    return path


def variable(kind: type[EnvironmentSettings], field: str) -> str:
    return f"{kind.model_config.get('env_prefix', '')}{field}".upper()


def _describe(kind: type[EnvironmentSettings], error: ValidationError) -> str:
    """Return one line per invalid variable: `NAME: problem. Fix`."""
    lines = []
    for detail in error.errors(include_url=False, include_input=False, include_context=False):
        name = str(detail["loc"][0]) if detail["loc"] else ""
        # A validator's "It is missing" becomes "NAME: missing".
        message = detail["msg"].removeprefix("Value error, ").removeprefix("It is ")
        problem = "missing" if detail["type"] == "missing" else message
        # An alias, such as ENVIRONMENT, is a variable, without the prefix.
        named = name if name.isupper() else variable(kind, name)
        lines.append(f"{named}: {problem}. {_fix(kind, name)}".strip())
    return "\n".join(lines)


def _fix(kind: type[EnvironmentSettings], name: str) -> str:
    """Return the description of a field, by its name or alias, or of the field of `Settings`."""
    for field, about in (*kind.model_fields.items(), *Settings.model_fields.items()):
        if about.description and name.upper() in {field.upper(), variable(kind, field)}:
            return about.description
    return ""


def _placeholders(settings: EnvironmentSettings) -> str:
    fields = [field for field, value in settings if _is_placeholder(value)]
    if not fields or _environment(settings) is not Environment.PRODUCTION:
        return ""
    return "\n".join(
        f"{variable(type(settings), field)}: its secret is a placeholder. "
        "Set a random secret, or ENVIRONMENT=development."
        for field in fields
    )


def _environment(settings: EnvironmentSettings) -> Environment:
    return settings.environment if isinstance(settings, Settings) else read(Settings).environment


def _is_placeholder(value: object) -> bool:
    """Return whether a secret is a placeholder, or a password that equals its user name."""
    secret = _secret(value).lower()
    is_user_name = isinstance(value, URL) and secret == (value.username or "").lower()
    return secret in PLACEHOLDERS or (bool(secret) and is_user_name)


def _secret(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return value.password or "" if isinstance(value, URL) else ""
