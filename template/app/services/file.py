"""Service for files, whose content is in the object store and whose metadata is in the database."""

from collections.abc import AsyncIterator
from typing import get_args
from uuid import UUID

from sqlalchemy import bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Record, flush, records, remove
from app.errors import NotFound
from app.files.incoming import Incoming
from app.files.storage import LINK_LIFETIME, Store
from app.filtering import Filters, conditions, contains, page_statements
from app.models.base import now, uuid7
from app.models.file import File
from app.pagination import Slice
from app.schemas.file import FileLink, FileQuery, FileSort
from app.scope import Scope, owned

MISSING = "There is no such file."
ROWS = select(File.__table__)
ONE = ROWS.where(File.id == bindparam("id"))
COUNT = select(func.count()).select_from(File)
PAGES = page_statements(ROWS, File, get_args(FileSort))
FILTERS: Filters = {"search": contains(File.name)}


class Unlinked(NotFound):
    """The object store cannot presign URLs, because it is not a bucket."""

    code = "no_links"


async def create(
    session: AsyncSession, store: Store, incoming: Incoming, owner_id: UUID | None
) -> File:
    """Store an uploaded file, without a database connection during the upload."""
    file = await _store(store, incoming, owner_id)
    session.add(file)
    await flush(session)
    return file


async def create_all(
    session: AsyncSession, store: Store, incoming: AsyncIterator[Incoming], owner_id: UUID | None
) -> list[File]:
    """Store several uploaded files, or none if one of them is rejected."""
    files: list[File] = []
    try:
        async for each in incoming:
            files.append(await _store(store, each, owner_id))  # noqa: PERF401 - `except` needs those stored so far
    except BaseException:
        store.discard(*(str(file.id) for file in files))
        raise
    session.add_all(files)
    await flush(session)
    return files


async def _store(store: Store, incoming: Incoming, owner_id: UUID | None) -> File:
    file_id = uuid7()
    await store.put(str(file_id), incoming)
    return File(
        id=file_id,
        owner_id=owner_id,
        name=incoming.name,
        content_type=incoming.content_type,
        size=incoming.size,
        sha256=incoming.sha256,
    )


async def read(session: AsyncSession, file_id: UUID, scope: Scope) -> Record:
    """Return the metadata of a file; 404 if missing."""
    rows = records(await session.execute(ONE.where(*owned(File.owner_id, scope)), {"id": file_id}))
    await session.close()  # a download must not hold a database connection
    if not rows:
        raise NotFound(MISSING)
    return rows[0]


async def link(session: AsyncSession, store: Store, file_id: UUID, scope: Scope) -> FileLink:
    """Return a presigned URL of a file's content.

    Raises:
        NotFound: the file does not exist, or the store has no presigned URLs.
    """
    file = await read(session, file_id, scope)
    if not store.signs:
        message = "This storage backend has no presigned URLs. Download the content from the API."
        raise Unlinked(message)
    expires_at = now() + LINK_LIFETIME
    return FileLink(url=await store.link(str(file["id"])), expires_at=expires_at)


async def delete(session: AsyncSession, store: Store, file_id: UUID, scope: Scope) -> None:
    """Delete a file's row now, and its content after the commit."""
    file = await session.get(File, file_id, with_for_update=True)
    if file is None or not scope.includes(file.owner_id):
        raise NotFound(MISSING)
    await remove(session, file)
    store.remove(str(file_id), session)


async def search(session: AsyncSession, query: FileQuery, scope: Scope) -> Slice[Record]:
    """Return one page of files and their total number."""
    where = [*owned(File.owner_id, scope), *conditions(query, FILTERS)]
    page, count = PAGES[query.sort].where(*where), COUNT.where(*where)
    result = await session.execute(page, {"size": query.size, "offset": query.offset})
    total = await session.scalar(count)
    return Slice(records(result), total or 0, query)
