"""Health check of the image: `python -m app.healthcheck` requests `/health/live`.

It imports only the standard library, since it starts every few seconds beside the service.
"""

import http.client
import os
import sys

PATIENCE = 2.0  # seconds


def alive(host: str, port: int) -> bool:
    """Say whether a service answers there."""
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().status == http.HTTPStatus.OK
    except Exception:  # noqa: BLE001 - whatever it is, nobody answers well
        return False
    finally:
        connection.close()


if __name__ == "__main__":  # but not where `app check` imports every module
    sys.exit(not alive("127.0.0.1", int(os.environ["PORT"])))
