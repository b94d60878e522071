"""Whose files a route means, where nobody has an account: everybody's."""

from typing import Annotated

from fastapi import Depends


async def everybody() -> None:
    """Give no owner: nobody's files are their own."""


Reader = Annotated[None, Depends(everybody)]
Writer = Annotated[None, Depends(everybody)]
Keeper = Annotated[None, Depends(everybody)]
