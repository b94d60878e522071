"""Change events, which subscribers receive by WebSocket or server-sent events."""

from app.websockets.hub import Hub, Sockets
from app.websockets.lifecycle import install
from app.websockets.message import Message

__all__ = ["Hub", "Message", "Sockets", "install"]
