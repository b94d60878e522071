"""Timeouts in tests: generous ones, so that a busy machine is not taken for an outage.

A test waits for an event until `DEADLINE`, never for a fixed time. The service's own timeouts are
raised alike; a test about a timeout lowers it again, or moves a clock of its own.
"""

import asyncio
import sys
from collections.abc import Callable

DEADLINE = 60.0  # seconds
CONSTANTS = ("PATIENCE", "GRACE", "WAIT", "LOCK")  # of modules of the service, in seconds


def raise_timeouts(assign: Callable[[object, str, object], None]) -> None:
    """Raise the timeouts that the service's imported modules keep as constants."""
    for path, module in list(sys.modules.items()):
        if path.startswith("app."):
            for name in CONSTANTS:
                value = vars(module).get(name)
                if isinstance(value, float):
                    assert 0 < value < DEADLINE, f"{path}.{name} is no timeout"
                    assign(module, name, DEADLINE)


async def wait_until(is_so: Callable[[], object]) -> None:
    """Poll until a condition holds.

    Raises:
        TimeoutError: it did not by the deadline.
    """
    async with asyncio.timeout(DEADLINE):
        while not is_so():
            await asyncio.sleep(0.01)
