"""Response schema for the versions of the service and of its template."""

from pydantic import Field

from app.schemas.base import ReadSchema


class About(ReadSchema):
    """Versions of the service and of its template."""

    version: str = Field(description="Version of the service.")
    template: str | None = Field(
        description="Version of the service's template; null outside a container image."
    )
