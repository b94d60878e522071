"""Change events over WebSockets and server-sent events."""

from __future__ import annotations

from .model import Feature, Setting

WEBSOCKETS = Feature(
    name="websockets",
    summary="changes, as they happen",
    requires=("changes", "valkey"),
    paths=("app/websockets/", "docs/websockets.md", "tests/socket_service.py", "tests/test_websockets.py"),
    routes=("changes",),
    is_word=True,
    installs=True,
    is_package=True,
    is_explained=True,
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

OPEN_SOCKETS = Feature(
    name="open_sockets",
    summary="changes for everybody",
    meets=("websockets",),
    paths=("app/open_sockets.py", "tests/test_open_sockets.py"),
    installs=True,
)

GUARDED_SOCKETS = Feature(
    name="guarded_sockets",
    summary="changes for those who may read them",
    meets=("websockets", "auth"),
    replaces=("open_sockets",),
    paths=("app/guarded_sockets.py", "tests/test_guarded_sockets.py"),
    installs=True,
)
