"""Files in a directory or bucket."""

from __future__ import annotations

from .model import Column, Command, Feature, Setting, Table

FILES = Feature(
    name="files",
    summary="files in a directory or a bucket",
    is_component=True,
    requires=("after_commit", "scope"),
    paths=(
        "app/files/",
        "app/models/file.py",
        "app/routers/file.py",
        "app/schemas/file.py",
        "app/services/file.py",
        "deploy/kubernetes/components/files/",
        "docs/files.md",
        "tests/files/",
    ),
    routes=("files",),
    is_word=True,
    installs="files",
    explains="files/",
    runtime=("obstore>=0.12,<0.13", "python-multipart>=0.0.34"),
    environment={"FILES_URL": "file:///srv/files"},
    volumes={"files": "/srv/files"},
    exposes=("Content-Disposition", "Content-Range", "ETag", "Repr-Digest"),
    commands=(
        Command(
            name="collect_files",
            module="app.files.orphans",
            takes=(),
            meaning="Delete content that no file has, a day after it came.",
            done="Deletes content that no file has, a day after it came",
            is_for_people=True,
        ),
    ),
    settings=(
        Setting(
            name="FILES_URL",
            is_needed=True,
            stand_in="s3://bucket",
            example="s3://bucket/prefix",
            meaning="A directory (file:///srv/files) or bucket; without it, `uv run app dev` uses .dev/files.",
        ),
        Setting(name="FILES_LIMIT", example="104857600", meaning="Bytes that a file, or several at once, may have."),
        Setting(
            name="FILES_TYPES",
            example="image/*,application/pdf",
            meaning="Types that are taken, by what content is; * for any.",
        ),
    ),
    tables=(
        Table(
            name="files",
            columns=(
                Column("id", "Uuid()"),
                Column("owner_id", "Uuid()", nullable=True),
                Column("name", "String(length=255)"),
                Column("content_type", "String(length=100)"),
                Column("size", "BigInteger()"),
                Column("sha256", "String(length=64)"),
                Column("created_at", "DateTime(timezone=True)"),
            ),
            indexes=("created_at", "owner_id"),
        ),
    ),
    guidance=("`Upload` takes a file piece by piece, and `Files` keeps it; never hold a whole body in memory.",),
)

PUBLIC_FILES = Feature(
    name="public_files",
    summary="files that are everybody's",
    meets=("files",),
    paths=("app/files/public.py",),
    plays={"files": "public"},
)

OWNED_FILES = Feature(
    name="owned_files",
    summary="files that are somebody's own",
    requires=("ownership",),
    meets=("files", "auth"),
    replaces=("public_files",),
    paths=(
        "app/files/owned.py",
        "tests/files/test_owned.py",
    ),
    plays={"files": "owned"},
)
