"""Version of the template that the service was generated from, set when the image is built."""

from fastapi import FastAPI
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from app import settings
from app.state import StateKey


class AboutSettings(settings.EnvironmentSettings):
    """Build setting: the template version, which the image build sets."""

    model_config = SettingsConfigDict(env_prefix="ABOUT_")

    template: str = Field("", description="Leave it unset: the build of the image sets it.")


ABOUT = StateKey[AboutSettings]("about")


def install(app: FastAPI) -> None:
    """Read the build settings and store them in `app.state`."""
    ABOUT.set(app, settings.read(AboutSettings))
