"""Connection service file of libpq, which asyncpg reads (PostgreSQL 18, section 34.17)."""

import os
from configparser import ConfigParser, Error
from contextlib import suppress
from pathlib import Path


def check(service: str) -> None:
    """Reject a service that the file does not define; errors contain no line of the file."""
    parser = ConfigParser()
    try:
        parser.read(_paths(), encoding="utf-8")
        is_defined = parser.has_section(service) and bool(parser.items(service))
    except (Error, UnicodeDecodeError):
        message = "The file of its service is not valid: write name=value below [service], % as %%"
        raise ValueError(message) from None
    if not is_defined:
        message = "Its service is not in the file that PGSERVICEFILE names, or ~/.pg_service.conf"
        raise ValueError(message)


def _paths() -> list[Path]:
    """Return the path of the file; none without the variable and a home directory."""
    if variable := os.environ.get("PGSERVICEFILE"):
        return [Path(variable)]
    with suppress(RuntimeError):
        return [Path.home() / ".pg_service.conf"]
    return []
