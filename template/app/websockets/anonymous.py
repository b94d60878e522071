"""Subscriptions in a service without accounts, where everyone may read every channel."""

from fastapi import FastAPI
from starlette.requests import HTTPConnection

from app.logging import client_address
from app.scope import ALL, NONE
from app.settings import PREFIX
from app.websockets.channels import Channels
from app.websockets.endpoints import router
from app.websockets.hub import HUB
from app.websockets.subscriber import ReadAccess


async def authorize(connection: HTTPConnection, channels: Channels) -> ReadAccess:
    """Grant everyone access to all rows and to messages for all subscribers.

    The caller is the address of the client.
    """
    address = client_address(connection)
    scopes = {name: ALL if each.is_resource else NONE for name, each in channels.items()}
    return ReadAccess(address, scopes)


def install(app: FastAPI) -> None:
    """Allow everyone to subscribe."""
    HUB.get(app).authorize = authorize
    app.include_router(router, prefix=PREFIX)
