"""Producer that sends job IDs over one connection, and fails fast."""

from typing import Any

from sqlalchemy import URL

from app.jobs.brokers.celery.celery_app import BROKER_ERRORS, MAX_MESSAGES, TASK, JobsApp


class JobProducer:
    """Producer that sends job IDs to the queue; not thread-safe."""

    def __init__(self, url: URL, name: str, timeout: float) -> None:
        self.app = JobsApp(url, name, timeout)
        self.connection = self.app.connection_for_write()
        self.producer = self.app.amqp.Producer(self.connection, auto_declare=False)

    def send(self, job_id: str) -> None:
        """Send a job ID, and trim the queue to its maximum length.

        Raises:
            ConnectionError: Valkey is unavailable.
        """
        app, connection = self.app, self.connection
        try:
            connection.ensure_connection(max_retries=0)
            app.send_task(TASK, [job_id], producer=self.producer, retry=False)
            channel: Any = connection.default_channel
            channel.client.ltrim(app.queue, 0, MAX_MESSAGES - 1)
        except BROKER_ERRORS as error:
            raise ConnectionError(type(error.__cause__ or error).__name__) from error

    def close(self) -> None:
        """Close the connection to the broker."""
        self.connection.release()
