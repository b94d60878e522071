"""Access rules of files in a service without accounts, where files have no owner."""

from typing import Annotated

from fastapi import Depends

from app.scope import ALL, Scope


async def everyone() -> Scope:
    """Return the scope of all files, which everyone may access."""
    return ALL


async def no_owner() -> None:
    """Return None, since files have no owner."""


READ = WRITE = Depends(everyone)
Uploader = Annotated[None, Depends(no_owner)]
