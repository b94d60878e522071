"""After-commit hooks, and the events of changed rows."""

from __future__ import annotations

from .model import Feature

AFTER_COMMIT = Feature(
    name="after_commit",
    summary="what follows a commit",
    paths=(
        "app/after_commit.py",
        "tests/database/test_after_commit.py",
    ),
    guidance=("What must not happen on a rollback is handed to `after_commit`, which a killed process forgets.",),
)

CHANGES = Feature(
    name="changes",
    summary="what a commit changed",
    requires=("after_commit",),
    paths=(
        "app/changes.py",
        "tests/database/test_changes.py",
    ),
    is_word=True,
    installs="changes",
    guidance=("`app/changes.py` tells what a commit changed; SQL that goes past the models is not seen.",),
)
