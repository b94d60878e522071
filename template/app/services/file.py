"""What can be done with files.

`owner` is the key of whose files are meant, and None where everybody's are.
"""

from collections.abc import AsyncIterator
from typing import get_args
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Record, flush, records, remove
from app.errors import NotFound
from app.files.receiving import Incoming
from app.files.storing import LINKED, Store
from app.identifiers import uuid7
from app.lists import Filters, conditions, contains, pages
from app.models.base import now
from app.models.file import File
from app.pagination import Slice
from app.schemas.file import FileLink, FileQuery, FileSort

MISSING = "There is no such file."
ROWS = select(File.__table__)
ONE = ROWS.where(File.id == bindparam("id"))
COUNT = select(func.count()).select_from(File)
PAGES = pages(ROWS, File, get_args(FileSort))
FILTERS: Filters = {"search": contains(File.name)}


class Unlinked(NotFound):
    """The store gives no links: it is no bucket."""

    code = "no_links"


async def create(
    session: AsyncSession, store: Store, incoming: Incoming, owner: UUID | None
) -> File:
    """Keep a file; no connection is held while its content comes."""
    file = await _stored(store, incoming, owner)
    session.add(file)
    await flush(session)
    return file


async def create_all(
    session: AsyncSession, store: Store, incoming: AsyncIterator[Incoming], owner: UUID | None
) -> list[File]:
    """Keep some files, or none of them."""
    files: list[File] = []
    try:
        async for each in incoming:
            files.append(await _stored(store, each, owner))  # noqa: PERF401 - for `except`
    except BaseException:
        store.discard(*(str(file.id) for file in files))
        raise
    session.add_all(files)
    await flush(session)
    return files


async def _stored(store: Store, incoming: Incoming, owner: UUID | None) -> File:
    file_id = uuid7()
    await store.put(str(file_id), incoming)
    return File(
        id=file_id,
        owner_id=owner,
        name=incoming.name,
        content_type=incoming.content_type,
        size=incoming.size,
        sha256=incoming.sha256,
    )


async def read(session: AsyncSession, file_id: UUID, owner: UUID | None) -> Record:
    """Find a file, to show it or its content."""
    found = records(await session.execute(ONE.where(*_own(owner)), {"id": file_id}))
    await session.close()  # content may take its time; it needs no connection
    if not found:
        raise NotFound(MISSING)
    return found[0]


async def link(session: AsyncSession, store: Store, file_id: UUID, owner: UUID | None) -> FileLink:
    """Make a link to a file's content that is good for a while, for whoever has it."""
    file = await read(session, file_id, owner)
    if not store.signs:
        message = "This store gives no links; the content is to be had here."
        raise Unlinked(message)
    expires_at = now() + LINKED
    return FileLink(url=await store.link(str(file["id"])), expires_at=expires_at)


async def delete(session: AsyncSession, store: Store, file_id: UUID, owner: UUID | None) -> None:
    """Remove a file: its row now, and its content once that is committed."""
    file = await session.get(File, file_id, with_for_update=True)
    if file is None or owner not in {None, file.owner_id}:
        raise NotFound(MISSING)
    await remove(session, file)
    store.remove(str(file_id), session)


async def search(session: AsyncSession, query: FileQuery, owner: UUID | None) -> Slice[Record]:
    """Find a page of files, and how many there are in all."""
    tests = [*_own(owner), *conditions(query, FILTERS)]
    page, count = PAGES[query.sort].where(*tests), COUNT.where(*tests)
    found = await session.execute(page, {"size": query.size, "offset": query.offset})
    total = await session.scalar(count)
    return Slice(records(found), total or 0, query)


def _own(owner: UUID | None) -> list[ColumnElement[bool]]:
    return [] if owner is None else [File.owner_id == owner]
