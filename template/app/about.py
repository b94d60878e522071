"""Version of the service's template, set by the build of the container image."""

from fastapi import FastAPI
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from app import settings
from app.state import StateKey


class AboutSettings(settings.EnvironmentSettings):
    """Build information of the container image."""

    model_config = SettingsConfigDict(env_prefix="ABOUT_")

    template: str = Field("", description="Leave it unset: the build of the image sets it.")


ABOUT = StateKey[AboutSettings]("about")


def install(app: FastAPI) -> None:
    """Install the build information."""
    ABOUT.set(app, settings.read(AboutSettings))
