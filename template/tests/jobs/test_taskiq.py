"""Tests of the Taskiq broker: redelivery of unacknowledged messages."""

import asyncio

import pytest

from app.jobs.brokers import taskiq
from app.models.base import uuid7
from app.valkey import parse_url
from tests.support import valkey
from tests.support.sample_tasks import busy_worker, receive


async def test_unacknowledged_message_is_redelivered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(taskiq, "IDLE_TIMEOUT", 0.1)
    with valkey.server() as url:
        broker = taskiq.Broker(parse_url(url), str(uuid7()))
        async with busy_worker(broker) as job_id:
            await asyncio.sleep(0.2)
            await broker.send(another := uuid7())
            assert await receive(broker, 2) == [another, job_id]
        await broker.close()
