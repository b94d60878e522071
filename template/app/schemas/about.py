"""What the service tells about itself."""

from pydantic import Field

from app.schemas.base import ReadSchema


class About(ReadSchema):
    """Which versions run."""

    version: str = Field(description="That of the service.")
    template: str | None = Field(description="That of its template; unknown outside of an image.")
