"""Settings of connections: size of headers, timeouts, and number of connections."""

import sys

from pydantic import Field, PositiveFloat, PositiveInt

from app import settings

if sys.platform != "win32":
    import resource

RESERVED_SHARE = 4  # a quarter of the file descriptors is for other uses than connections
MAX_RESERVED = 256  # file descriptors


class ConnectionSettings(settings.EnvironmentSettings):
    """Settings of connections, which bound the memory and the file descriptors of clients."""

    header_limit: PositiveInt = Field(32_768, description="Set it to a number of bytes.")
    header_count_limit: PositiveInt = Field(100, description="Set it to a number of headers.")
    header_timeout: PositiveFloat = Field(10, description="Set it to a number of seconds.")
    body_timeout: PositiveFloat = Field(30, description="Set it to a number of seconds.")
    send_timeout: PositiveFloat = Field(60, description="Set it to a number of seconds.")
    connection_limit: PositiveInt = Field(10_000, description="Set it to a number of connections.")


def limit_by_descriptors(limit: int) -> int:
    """Return the number of connections that the process can open, at most `limit`.

    Without a free file descriptor, the server could not accept a connection to refuse it, and no
    connection to the database could be opened.
    """
    if sys.platform == "win32":
        return limit
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return limit
    return min(limit, descriptors - min(MAX_RESERVED, descriptors // RESERVED_SHARE))
