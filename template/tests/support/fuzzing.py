"""Requests at random, made from the API's description by schemathesis."""

import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

from tests.support.live_server import running, spawned
from tests.support.timeouts import DEADLINE

REQUESTS = 250  # of each kind that schemathesis makes, over all operations
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance"
)


async def ask_at_random(database_url: str, directory: Path, operations: int, *options: str) -> None:
    """Ask a service on this database whatever its description allows; every answer keeps to it."""
    examples = max(5, REQUESTS // operations)
    quiet = {"DRAIN_SECONDS": "0", "LOG_LEVEL": "error"}  # a pipe that nobody reads is soon full
    async with running(DATABASE_URL=database_url, **quiet) as (_, client):
        command = (
            *(sys.executable, "-m", "schemathesis.cli", "run"),
            *("--checks", CHECKS, "--max-examples", str(examples)),
            *("--exclude-by", "/x-endless == true"),  # for nobody waits for a stream's end
            *("--request-timeout", str(DEADLINE), "--suppress-health-check", "too_slow"),
            *options,
            str(client.base_url.join("/openapi.json")),
        )
        async with spawned(*command, cwd=directory, stdout=PIPE, stderr=STDOUT) as process:
            told, _ = await process.communicate()
    assert process.returncode == 0, told.decode()
