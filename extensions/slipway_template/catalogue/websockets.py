"""Change events over WebSockets and server-sent events."""

from __future__ import annotations

from .model import Feature, Setting

WEBSOCKETS = Feature(
    name="websockets",
    summary="changes, as they happen",
    requires=("changes", "scope", "valkey"),
    paths=(
        "app/websockets/",
        "docs/websockets.md",
        "tests/support/websocket_service.py",
        "tests/websockets/",
    ),
    routes=("changes",),
    is_word=True,
    installs="websockets",
    explains="websockets/",
    runtime=("websockets>=17,<18",),
    unimported=("websockets",),
    reaches={"WEBSOCKETS_URL": "valkey"},
    settings=(
        Setting(
            name="WEBSOCKETS_URL",
            is_secret=True,
            example="redis://localhost:6379/0",
            meaning="The Valkey by which processes hear of each other. Leave it out where there is one process.",
        ),
        Setting(name="WEBSOCKETS_LIMIT", example="10000", meaning="Sockets and streams that one process holds."),
        Setting(name="WEBSOCKETS_CALLER_LIMIT", example="50", meaning="Those of one caller."),
        Setting(name="WEBSOCKETS_MESSAGE_LIMIT", example="4096", meaning="Bytes that a client's message may have."),
        Setting(
            name="WEBSOCKETS_QUEUE_LIMIT",
            example="256",
            meaning="Messages that may wait for one client; who takes them too slowly is let go.",
        ),
        Setting(
            name="WEBSOCKETS_HEARTBEAT",
            example="20",
            meaning="Seconds after which a client is pinged, and asked again whether its token is good.",
        ),
    ),
    guidance=("Changes of rows are told by themselves; `Sockets` sends other messages: `docs/websockets.md`.",),
)

ANONYMOUS_WEBSOCKETS = Feature(
    name="anonymous_websockets",
    summary="changes for everybody",
    meets=("websockets",),
    paths=(
        "app/websockets/anonymous.py",
        "tests/websockets/test_anonymous.py",
    ),
    installs="websockets.anonymous",
)

TOKEN_AUTH = Feature(
    name="token_auth",
    summary="changes for those who may read them",
    meets=("websockets", "auth"),
    replaces=("anonymous_websockets",),
    paths=(
        "app/websockets/token_auth.py",
        "tests/websockets/test_token_auth.py",
    ),
    installs="websockets.token_auth",
)
