"""Features for uploading and downloading files, which are stored in a directory or an S3 bucket."""

from __future__ import annotations

from .model import Column, Command, Feature, Setting, Table

FILES = Feature(
    name="files",
    summary="file upload and download, in a directory or a bucket",
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
    accepts=("Content-Digest", "If-None-Match", "If-Range", "Range"),
    exposes=("Accept-Ranges", "Content-Range", "ETag", "Repr-Digest"),
    commands=(
        Command(
            name="collect_files",
            module="app.files.orphans",
            takes=(),
            meaning="Delete orphaned content older than a day.",
            done="Deletes orphaned content older than a day",
            is_for_people=True,
        ),
    ),
    settings=(
        Setting(
            name="FILES_URL",
            is_needed=True,
            stand_in="s3://bucket",
            example="s3://bucket/prefix",
            meaning="URL of a bucket or directory (file:///srv/files); without it, `uv run app dev` uses .dev/files.",
        ),
        Setting(
            name="FILES_LIMIT",
            example="104857600",
            default="104857600",
            meaning="Maximum size in bytes of an upload, of one file or several.",
        ),
        Setting(
            name="FILES_TYPES",
            example="image/*,application/pdf",
            default="application/gzip,application/pdf,application/zip,audio/*,font/*,image/*,text/plain,video/*",
            meaning="Accepted media types, detected from the content; * for any.",
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
    guidance=("`Upload` streams a file and `Files` stores it; never read a whole body into memory.",),
)

PUBLIC_FILES = Feature(
    name="public_files",
    summary="files without owners",
    meets=("files",),
    paths=("app/files/public.py",),
    plays={"files": "public"},
)

OWNED_FILES = Feature(
    name="owned_files",
    summary="files with owners",
    requires=("ownership",),
    meets=("files", "auth"),
    replaces=("public_files",),
    paths=(
        "app/files/owned.py",
        "tests/files/test_owned.py",
    ),
    plays={"files": "owned"},
)
