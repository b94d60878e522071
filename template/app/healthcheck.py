"""Container health check: `python -m app.healthcheck` requests the liveness probe.

The health check runs every few seconds and must start fast, so it imports only the standard
library.
"""

import http.client
import os
import sys

TIMEOUT = 2.0  # seconds


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
    sys.exit(not is_alive("127.0.0.1", int(os.environ["PORT"])))
