"""Fuzz tests of the API, with random requests that schemathesis generates (property-based)."""

import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

from tests.support.live_server import running, spawned
from tests.support.timeouts import DEADLINE

REQUESTS = 250  # per phase of schemathesis, over all operations
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance"
)


CONFIG = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "503"]
"""  # 503 must be documented, such as by a route that calls another service


async def fuzz_api(database_url: str, directory: Path, operations: int, *options: str) -> None:
    """Send random requests to a service; fail if a response violates the OpenAPI description.

    Args:
        database_url: the database of the service
        directory: the working directory of schemathesis
        operations: the number of operations that share the requests
        *options: further options of schemathesis
    """
    examples = max(5, REQUESTS // operations)
    (directory / "schemathesis").with_suffix(".toml").write_text(CONFIG)
    quiet = {"DRAIN_SECONDS": "0", "LOG_LEVEL": "error"}  # a full, unread pipe blocks the service
    async with running(DATABASE_URL=database_url, **quiet) as (_, client):
        command = (
            *(sys.executable, "-m", "schemathesis.cli", "run"),
            *("--checks", CHECKS, "--max-examples", str(examples)),
            *("--exclude-by", "/x-endless == true"),  # server-sent events never end
            *("--request-timeout", str(DEADLINE), "--suppress-health-check", "too_slow"),
            *("--warnings", "off"),  # they list each operation whose requests are mostly invalid
            *options,
            str(client.base_url.join("/openapi.json")),
        )
        async with spawned(*command, cwd=directory, stdout=PIPE, stderr=STDOUT) as process:
            report, _ = await process.communicate()
    assert process.returncode == 0, report.decode()
