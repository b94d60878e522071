"""What all schemas share: how they read, and two kinds of text."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

# Databases keep no NUL; a line keeps no other control character either.
Line = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f]*$")]
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]


class Schema(BaseModel):
    """What a client sends: nothing that is not asked for."""

    model_config = ConfigDict(extra="forbid")


class ReadSchema(BaseModel):
    """What a client gets: read from a row, with no more than is said here."""

    model_config = ConfigDict(from_attributes=True)
