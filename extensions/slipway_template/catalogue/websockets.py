"""The features that send change events to clients over WebSockets and server-sent events (SSE)."""

from __future__ import annotations

from .model import Feature, Setting

WEBSOCKETS = Feature(
    name="websockets",
    summary="change events over WebSockets and SSE",
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
    accepts=("Last-Event-ID",),
    explains="websockets/",
    runtime=("websockets>=17,<18",),
    unimported=("websockets",),
    reaches={"WEBSOCKETS_URL": "valkey"},
    settings=(
        Setting(
            name="WEBSOCKETS_URL",
            is_secret=True,
            example="redis://localhost:6379/0",
            meaning="URL of the Valkey or Redis for pub/sub between processes; required for more than one process.",
        ),
        Setting(
            name="WEBSOCKETS_LIMIT",
            example="10000",
            default="10000",
            meaning="Maximum number of connections per process.",
        ),
        Setting(
            name="WEBSOCKETS_CALLER_LIMIT",
            example="50",
            default="50",
            meaning="Maximum number of connections per caller and process.",
        ),
        Setting(
            name="WEBSOCKETS_MESSAGE_LIMIT",
            example="4096",
            default="4096",
            meaning="Maximum size of a client's message in bytes.",
        ),
        Setting(
            name="WEBSOCKETS_QUEUE_LIMIT",
            example="256",
            default="256",
            meaning="Maximum number of queued messages per client; slow consumers are disconnected.",
        ),
        Setting(
            name="WEBSOCKETS_HEARTBEAT",
            example="20",
            default="20",
            meaning="Seconds between pings, and between checks of the caller's authorization.",
        ),
    ),
    guidance=("Row changes are published automatically; `Sockets` publishes other messages: `docs/websockets.md`.",),
)

ANONYMOUS_WEBSOCKETS = Feature(
    name="anonymous_websockets",
    summary="change events without authentication",
    meets=("websockets",),
    paths=(
        "app/websockets/anonymous.py",
        "tests/websockets/test_anonymous.py",
    ),
    installs="websockets.anonymous",
)

TOKEN_AUTH = Feature(
    name="token_auth",
    summary="change events with authorization",
    meets=("websockets", "auth"),
    replaces=("anonymous_websockets",),
    paths=(
        "app/websockets/token_auth.py",
        "tests/websockets/test_token_auth.py",
    ),
    installs="websockets.token_auth",
)
