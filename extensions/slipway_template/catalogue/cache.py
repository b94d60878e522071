"""Cache."""

from __future__ import annotations

from .model import Feature, Setting

CACHE = Feature(
    name="cache",
    summary="values and totals that are kept until what they are made of changes, and tags of answers",
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
            meaning="The Valkey that keeps values for all processes. Leave it out only where there is one process.",
        ),
        Setting(
            name="CACHE_MEMORY",
            example="33554432",
            meaning="Bytes of values that a process keeps in its own memory, without CACHE_URL.",
        ),
        Setting(name="CACHE_ENABLED", example="true", meaning="Whether values are kept at all."),
    ),
    tested_with={"CACHE_ENABLED": "false"},
    exposes=("ETag",),
    guidance=("`Cache` keeps a value; whoever may see another one needs another key: put `user.id` into it.",),
)
