"""Changes for everybody: where nobody signs in, whoever may call may listen."""

from uuid import UUID

from fastapi import FastAPI
from starlette.requests import HTTPConnection

from app.routers import PREFIX
from app.websockets.broadcasting import Hub, Rooms
from app.websockets.listener import Ears
from app.websockets.listening import router

NOBODY = UUID(int=0)  # who is told nothing by themself


async def everybody(connection: HTTPConnection, rooms: Rooms) -> Ears:
    """Say that an address hears of every row, and what is said to all."""
    address = connection.client.host if connection.client else ""
    return Ears(address, {name: None if routes else NOBODY for name, routes in rooms.items()})


def install(app: FastAPI) -> None:
    """Let everybody listen."""
    hub: Hub = app.state.hub
    hub.audience = everybody
    app.include_router(router, prefix=PREFIX)
