"""What only taskiq does: what one worker does not confirm goes to another with the next message."""

import asyncio

import pytest

from app.jobs.brokers import taskiq
from app.models.base import uuid7
from app.valkey import parse_url
from tests.support import valkey
from tests.support.sample_tasks import busy, heard


async def test_what_one_worker_has_no_hand_for_is_told_to_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(taskiq, "IDLE", 0.1)
    with valkey.server() as url:
        broker = taskiq.Broker(parse_url(url), str(uuid7()))
        async with busy(broker) as job_id:
            await asyncio.sleep(0.2)
            await broker.send(another := uuid7())
            assert await heard(broker, 2) == [another, job_id]
        await broker.close()
