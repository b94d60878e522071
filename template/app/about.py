"""About the service: what the build of its image knows."""

from fastapi import FastAPI
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from app import settings
from app.state import StateKey


class AboutSettings(settings.EnvironmentSettings):
    """Of what the image was made."""

    model_config = SettingsConfigDict(env_prefix="ABOUT_")

    template: str = Field("", description="Leave it to the build of the image.")


ABOUT = StateKey[AboutSettings]("about")


def install(app: FastAPI) -> None:
    """Have the service know of what it was made."""
    ABOUT.set(app, settings.read(AboutSettings))
