"""Changes, as they happen: told to whoever listens by a WebSocket or a stream of events."""

from app.websockets.broadcasting import Hub, Sockets
from app.websockets.lifecycle import install
from app.websockets.message import Message

__all__ = ["Hub", "Message", "Sockets", "install"]
