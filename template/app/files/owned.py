"""Access rules of files that belong to the user who uploaded them.

The permissions `files:read` and `files:write` grant access to the files of all users.
"""

from typing import Annotated
from uuid import UUID

from fastapi import Depends

from app.auth import CurrentUser
from app.auth.ownership import owner_or_permission
from app.scope import Scope

READ = owner_or_permission("files:read", "files:write")
WRITE = owner_or_permission("files:write")


async def uploader(user: CurrentUser, _: Annotated[Scope, WRITE]) -> UUID:
    """Return the caller as the owner of a new file.

    An API key needs the scope `files:write`.
    """
    return user.id


Uploader = Annotated[UUID, Depends(uploader)]
