"""The Celery app that sends and consumes jobs, configured only by the service's settings."""

from collections.abc import Callable
from typing import Any

from celery import Celery
from celery.app.amqp import AMQP
from kombu import Connection
from kombu.exceptions import OperationalError
from kombu.transport.redis import Transport
from sqlalchemy import URL

TASK = "job"
MAX_MESSAGES = 10_000  # messages in the queue; older messages are trimmed
VISIBILITY_TIMEOUT = 60  # seconds until an unacknowledged message is redelivered
RESTORE_INTERVAL = 10  # seconds between two checks for unacknowledged messages

# Errors that mean that Valkey is unavailable, or rejects the command.
BROKER_ERRORS: tuple[type[Exception], ...] = (
    OperationalError,
    *Transport.connection_errors,
    *Transport.channel_errors,
)


class OneAttemptConnection(Connection):
    """Connection that does not retry, since the service itself reconnects."""

    def ensure(self, *arguments: Any, **options: Any) -> Callable[..., Any]:  # noqa: ANN401
        """Return the function wrapped in Celery's error handling, with no retries."""
        return super().ensure(*arguments, **options | {"max_retries": 0})


class OneAttemptAMQP(AMQP):
    """Celery's AMQP class, with connections that do not retry."""

    Connection = OneAttemptConnection  # type: ignore[mutable-override]


class JobsApp(Celery):
    """Celery app for one Valkey URL.

    It ignores `CELERY_…` environment variables, which configure other apps.
    """

    def __init__(self, url: URL, name: str, timeout: float) -> None:
        self.queue = f"jobs:{name}"
        self.address = broker_url(url)
        self.backend_cls = "disabled"
        super().__init__(
            name,
            amqp="app.jobs.brokers.celery.celery_app:OneAttemptAMQP",
            set_as_current=False,
            changes={
                "broker_pool_limit": 0,
                "broker_transport_options": transport_options(self.queue, timeout),
                "task_default_queue": self.queue,
                "task_ignore_result": True,
                "worker_prefetch_multiplier": 1,
            },
        )

    def connection_for_read(self, url: str | None = None, **options: Any) -> Connection:  # noqa: ANN401
        """Return the connection of the consumer."""
        return super().connection_for_read(url or self.address, **options)

    def connection_for_write(self, url: str | None = None, **options: Any) -> Connection:  # noqa: ANN401
        """Return the connection of the producer."""
        return super().connection_for_write(url or self.address, **options)


def broker_url(url: URL) -> str:
    """Convert a Valkey URL to a broker URL of Celery.

    TLS certificates are verified unless the URL disables the verification.

    Args:
        url: the URL as `TASKS_URL` has it, e.g. `rediss://host?ssl_ca_certs=ca.pem`
    """
    query = {key: str(value) for key, value in url.query.items()}
    if url.drivername == "unix":
        broker = url.set(drivername="redis+socket", query={"virtual_host": query.get("db", "0")})
    else:
        defaults = {"ssl_cert_reqs": "required"} if url.drivername == "rediss" else {}
        overrides = {key: value for key, value in query.items() if key.startswith("ssl_")}
        broker = url.set(database=query.get("db", url.database), query=defaults | overrides)
    return broker.render_as_string(hide_password=False)


def transport_options(queue: str, timeout: float) -> dict[str, object]:
    """Return transport options that fail fast, without retries.

    Each queue stores its unacknowledged messages under keys of its own.

    Args:
        queue: the name of the queue
        timeout: seconds for a reply of Valkey
    """
    return {
        "socket_connect_timeout": min(timeout, 1.0),
        "socket_timeout": timeout,
        "max_retries": 0,
        "visibility_timeout": VISIBILITY_TIMEOUT,
        "unacked_restore_interval": RESTORE_INTERVAL,
        "unacked_restore_throttle": 1,
        "unacked_key": f"{queue}:unacked",
        "unacked_index_key": f"{queue}:unacked_index",
        "unacked_mutex_key": f"{queue}:unacked_mutex",
    }
