"""Files: their content in a store of objects, and what is known of them in the database.

Content is stored first, under a key that nobody chose, and its row is written after: a row is never
without content, and content without a row is collected (`app collect-files`).
"""

from fastapi import FastAPI

from app import middleware, settings
from app.files import storage
from app.files.storage import FilesSettings, Store
from app.routers import PREFIX

__all__ = ["FilesSettings", "Store", "install"]


def install(app: FastAPI) -> None:
    """Give the service its store, and let files be longer than other bodies."""
    config = settings.read(FilesSettings)
    storage.install(app, config)
    for path in (f"{PREFIX}/files", f"{PREFIX}/files/batch"):
        middleware.allow(app, path, config.limit)
