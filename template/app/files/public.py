"""Access to files in a service without accounts: files have no owner."""

from typing import Annotated

from fastapi import Depends

from app.scope import ALL, Scope


async def everyone() -> Scope:
    """Return the scope of all files."""
    return ALL


async def no_owner() -> None:
    """Return the owner of a new file: none."""


READ = WRITE = Depends(everyone)
Uploader = Annotated[None, Depends(no_owner)]
