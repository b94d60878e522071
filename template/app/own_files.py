"""Whose files a route means, where people have accounts: their own.

The permissions `files:read` and `files:write` open everybody's.
"""

from typing import Annotated
from uuid import UUID

from fastapi import Depends

from app.auth import CurrentUser
from app.ownership import own_unless

WRITE = own_unless("files:write")

Reader = Annotated[UUID | None, own_unless("files:read", "files:write")]
Writer = Annotated[UUID | None, WRITE]


async def keeper(user: CurrentUser, _: Writer) -> UUID:
    """Give who is to own a new file: whoever calls; a key needs the scope `files:write`."""
    return user.id


Keeper = Annotated[UUID, Depends(keeper)]
