"""How a job is sent: by one connection, which gives up soon."""

from typing import Any

from sqlalchemy import URL

from app.jobs.brokers.celery.celery_app import KEPT, LOST, TASK, JobsApp


class Sender:
    """Sends the ids of jobs; not for several threads at once."""

    def __init__(self, url: URL, name: str, patience: float) -> None:
        self.program = JobsApp(url, name, patience)
        self.connection = self.program.connection_for_write()
        self.producer = self.program.amqp.Producer(self.connection, auto_declare=False)

    def send(self, job_id: str) -> None:
        """Put the id of a job in the queue.

        Raises:
            ConnectionError: Valkey does not answer.
        """
        program, connection = self.program, self.connection
        try:
            connection.ensure_connection(max_retries=0)
            program.send_task(TASK, [job_id], producer=self.producer, retry=False)
            channel: Any = connection.default_channel
            channel.client.ltrim(program.queue, 0, KEPT - 1)
        except LOST as error:
            raise ConnectionError(type(error.__cause__ or error).__name__) from error

    def close(self) -> None:
        """Close the connection."""
        self.connection.release()
