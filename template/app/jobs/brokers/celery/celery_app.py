"""The Celery program that sends jobs and hears of them, by the service's settings alone."""

from collections.abc import Callable
from typing import Any

from celery import Celery
from celery.app.amqp import AMQP
from kombu import Connection
from kombu.exceptions import OperationalError
from kombu.transport.redis import Transport
from sqlalchemy import URL

TASK = "job"
KEPT = 10_000  # messages; older ones go
IDLE = 60  # seconds after which what one worker was told is told to another
LOOK = 10  # seconds between two looks for such

# What says that Valkey is away, or refuses what it is asked.
LOST: tuple[type[Exception], ...] = (
    OperationalError,
    *Transport.connection_errors,
    *Transport.channel_errors,
)


class Line(Connection):
    """A connection on which nothing is tried again, for the service begins anew itself."""

    def ensure(self, *what: Any, **more: Any) -> Callable[..., Any]:  # noqa: ANN401
        """Do something once."""
        return super().ensure(*what, **more | {"max_retries": 0})


class Lines(AMQP):
    """How a program reaches Valkey."""

    Connection = Line  # type: ignore[mutable-override]


class JobsApp(Celery):
    """A program that reaches one Valkey, whatever `CELERY_…` variables tell others."""

    def __init__(self, url: URL, name: str, patience: float) -> None:
        self.queue = f"jobs:{name}"
        self.address = broker_url(url)
        self.backend_cls = "disabled"
        super().__init__(
            name,
            amqp="app.jobs.brokers.celery.celery_app:Lines",
            set_as_current=False,
            changes={
                "broker_pool_limit": 0,
                "broker_transport_options": options(self.queue, patience),
                "task_default_queue": self.queue,
                "task_ignore_result": True,
                "worker_prefetch_multiplier": 1,
            },
        )

    def connection_for_read(self, url: str | None = None, **more: Any) -> Connection:  # noqa: ANN401
        """Connect to hear."""
        return super().connection_for_read(url or self.address, **more)

    def connection_for_write(self, url: str | None = None, **more: Any) -> Connection:  # noqa: ANN401
        """Connect to send."""
        return super().connection_for_write(url or self.address, **more)


def broker_url(url: URL) -> str:
    """Write a URL as Celery has it; a certificate is checked, unless the URL says otherwise."""
    query = {key: str(value) for key, value in url.query.items()}
    if url.drivername == "unix":
        known = url.set(drivername="redis+socket", query={"virtual_host": query.get("db", "0")})
    else:
        secured = {"ssl_cert_reqs": "required"} if url.drivername == "rediss" else {}
        given = {key: value for key, value in query.items() if key.startswith("ssl_")}
        known = url.set(database=query.get("db", url.database), query=secured | given)
    return known.render_as_string(hide_password=False)


def options(queue: str, patience: float) -> dict[str, object]:
    """Have Valkey give up soon, and keep what is told, but not confirmed, apart from others'."""
    return {
        "socket_connect_timeout": min(patience, 1.0),
        "socket_timeout": patience,
        "max_retries": 0,
        "visibility_timeout": IDLE,
        "unacked_restore_interval": LOOK,
        "unacked_restore_throttle": 1,
        "unacked_key": f"{queue}:unacked",
        "unacked_index_key": f"{queue}:unacked_index",
        "unacked_mutex_key": f"{queue}:unacked_mutex",
    }
