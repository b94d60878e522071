"""The feature that limits the number of requests per caller and route."""

from __future__ import annotations

from .model import Feature, Setting

RATELIMIT = Feature(
    name="ratelimit",
    summary="rate limits per caller and route",
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
            meaning="URL of the Valkey or Redis that all processes share; without it, each process counts for itself.",
        ),
        Setting(
            name="RATELIMIT_DEFAULT", example="300/minute", default="300/minute", meaning="Rate limit of each caller."
        ),
        Setting(
            name="RATELIMIT_ROUTES",
            example="login=10/minute,refresh=60/minute",
            default="login=10/minute,register=10/minute,forgot_password=5/minute,refresh=60/minute",
            meaning="Rate limits of individual routes, by function name.",
        ),
        Setting(name="RATELIMIT_ENABLED", example="true", default="true", meaning="Enables rate limits."),
    ),
    tested_with={"RATELIMIT_ENABLED": "false"},
    exposes=("RateLimit", "RateLimit-Policy", "Retry-After"),
    guidance=('An expensive route has `dependencies=[Depends(limited("10/hour"))]`, from `app/ratelimit.py`.',),
)
