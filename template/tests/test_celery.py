"""What only Celery does: its own programs and tools know the service's workers."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from app.celery import Broker
from app.celery.program import Program, address
from app.identifiers import uuid7
from app.jobs import worker
from app import valkey as reached
from tests import valkey
from tests.errands import heard
