"""Container health check: `python -m app.healthcheck` requests the liveness probe.

The health check runs every few seconds and must start fast, so it imports only the standard
library.
"""

import http.client
import os
import sys

TIMEOUT = 2.0  # seconds


def local_address(host: str) -> str:
    """Return the address at which this machine reaches a server that is bound to `HOST`."""
    local = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - it connects
    return local.get(host, host)


def is_alive(host: str, port: int) -> bool:
    """Return whether the liveness probe succeeds."""
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().status == http.HTTPStatus.OK
    except Exception:  # noqa: BLE001 - any error means not alive
        return False
    finally:
        connection.close()


if __name__ == "__main__":  # `app check` imports every module
    sys.exit(not is_alive(local_address(os.environ.get("HOST", "")), int(os.environ["PORT"])))
