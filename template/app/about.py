"""About the service: which versions run, its own and that of the template it was made from."""

from fastapi import APIRouter, FastAPI, Request
from pydantic import BaseModel, Field
from pydantic_settings import SettingsConfigDict

from app import settings
from app.auth import SIGNED_IN

router = APIRouter(prefix="/about", tags=["about"], dependencies=[SIGNED_IN])


class AboutSettings(settings.EnvironmentSettings):
    """What the build of the image knows."""

    model_config = SettingsConfigDict(env_prefix="ABOUT_")

    template: str = Field("", description="Leave it to the build of the image.")


class About(BaseModel):
    """Which versions run."""

    version: str = Field(description="That of the service.")
    template: str | None = Field(description="That of its template; unknown outside of an image.")


@router.get("")
async def about(request: Request) -> About:
    """Tell which versions run, so that whoever looks after many services sees what lags behind."""
    return About(version=request.app.version, template=request.app.state.about.template or None)


def install(app: FastAPI) -> None:
    """Have the service tell about itself."""
    app.state.about = settings.read(AboutSettings)
    app.include_router(router)
