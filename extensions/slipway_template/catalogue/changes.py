"""Features that run hooks after a commit, and publish events of changed rows."""

from __future__ import annotations

from .model import Feature

AFTER_COMMIT = Feature(
    name="after_commit",
    summary="after-commit hooks",
    paths=(
        "app/after_commit.py",
        "tests/database/test_after_commit.py",
    ),
    guidance=("Side effects run in `after_commit`, never on rollback; a killed process loses them.",),
)

CHANGES = Feature(
    name="changes",
    summary="events of changed rows",
    requires=("after_commit",),
    paths=(
        "app/changes.py",
        "tests/database/test_changes.py",
        "tests/support/changes.py",
    ),
    is_word=True,
    installs="changes",
    guidance=("`app/changes.py` publishes the changes of a commit; SQL that bypasses the models is not tracked.",),
)
