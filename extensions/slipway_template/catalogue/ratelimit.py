"""Rate limits."""

from __future__ import annotations

from .model import Feature, Setting

RATELIMIT = Feature(
    name="ratelimit",
    summary="how often one caller may call",
    requires=("valkey",),
    paths=(
        "app/ratelimit.py",
        "docs/ratelimit.md",
        "tests/server/test_ratelimit.py",
    ),
    installs="ratelimit",
    explains="ratelimit.py",
    runtime=("limits>=5.8,<6",),
    reaches={"RATELIMIT_URL": "valkey"},
    settings=(
        Setting(
            name="RATELIMIT_URL",
            is_secret=True,
            example="redis://localhost:6379/0",
            meaning="The Valkey that counts for all processes. Leave it out, and each process counts for itself.",
        ),
        Setting(name="RATELIMIT_DEFAULT", example="300/minute", meaning="How often one caller may call."),
        Setting(
            name="RATELIMIT_ROUTES",
            example="login=10/minute,refresh=60/minute",
            meaning="How often one caller may call single routes, by the names of their functions.",
        ),
        Setting(name="RATELIMIT_ENABLED", example="true", meaning="Whether calls are counted at all."),
    ),
    tested_with={"RATELIMIT_ENABLED": "false"},
    exposes=("RateLimit", "RateLimit-Policy", "Retry-After"),
    guidance=('A route that is costly has `dependencies=[Depends(limited("10/hour"))]`, from `app/ratelimit.py`.',),
)
