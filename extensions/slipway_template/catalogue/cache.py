"""Features that cache values, cache the total counts of lists, and send ETags."""

from __future__ import annotations

from .model import Feature, Setting

CACHE = Feature(
    name="cache",
    summary="cached values and totals with invalidation on commit, and ETags",
    requires=("valkey", "changes"),
    paths=(
        "app/cache/",
        "docs/cache.md",
        "tests/cache/",
        "tests/support/cache.py",
    ),
    is_word=True,
    installs="cache",
    explains="cache/",
    counts="app.cache.totals",
    reaches={"CACHE_URL": "valkey"},
    settings=(
        Setting(
            name="CACHE_URL",
            is_secret=True,
            example="redis://localhost:6379/0",
            meaning="URL of the Valkey or Redis that all processes share; without it, each process caches in memory.",
        ),
        Setting(
            name="CACHE_MEMORY",
            example="33554432",
            default="33554432",
            meaning="Size in bytes of the in-memory cache of a process without CACHE_URL.",
        ),
        Setting(name="CACHE_ENABLED", example="true", default="true", meaning="Enables the cache."),
    ),
    tested_with={"CACHE_ENABLED": "false"},
    accepts=("If-None-Match",),
    exposes=("ETag",),
    guidance=("`Cache` caches a value; if it depends on the caller, the key must contain `user.id`.",),
)
