"""Files, with content in an object store and metadata in the database.

The content is stored first, under a random key, and its row is written afterwards, so a row always
has content. `app collect-files` deletes content without a row (orphaned objects).
"""

from fastapi import FastAPI

from app import middleware, settings
from app.files import storage
from app.files.storage import FilesSettings, Store
from app.settings import PREFIX

__all__ = ["FilesSettings", "Store", "install"]


def install(app: FastAPI) -> None:
    """Open the object store, and set the larger body limit of uploads."""
    config = settings.read(FilesSettings)
    storage.install(app, config)
    for path in (f"{PREFIX}/files", f"{PREFIX}/files/batch"):
        middleware.set_body_limit(app, path, config.limit)
