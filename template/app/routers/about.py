"""Route that returns the versions of the service and of its template."""

from fastapi import APIRouter, Request

from app.about import ABOUT
from app.auth import SIGNED_IN
from app.schemas.about import About

router = APIRouter(prefix="/about", tags=["about"], dependencies=[SIGNED_IN])


@router.get("")
async def about(request: Request) -> About:
    """Return the versions of the service and of its template."""
    return About(version=request.app.version, template=ABOUT.get(request.app).template or None)
