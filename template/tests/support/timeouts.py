"""Timeouts in tests: generous ones, so that a busy machine is not taken for an outage.

A test waits for an event until `DEADLINE`, never for a fixed time. The service's own timeouts are
raised alike; a test about a timeout lowers it again, or moves a clock of its own.
"""

import asyncio
import sys
from collections.abc import Callable

DEADLINE = 60.0  # seconds
PROCESS_DEADLINE = 300.0  # for another process, which imports the service anew
CONSTANTS = ("PATIENCE", "TIMEOUT", "GRACE", "WAIT", "LOCK")  # of modules, in seconds


def raise_timeouts(assign: Callable[[object, str, object], None]) -> None:
    """Raise the timeouts that imported modules of the service keep as constants."""
    for path, module in list(sys.modules.items()):
        if path.startswith(("app.", "development.")):
            for name in CONSTANTS:
                if isinstance(vars(module).get(name), float | int):
                    assign(module, name, DEADLINE)


async def wait_until(is_so: Callable[[], object]) -> None:
    """Poll until a condition holds.

    Raises:
        TimeoutError: it did not by the deadline.
    """
    async with asyncio.timeout(DEADLINE):
        while not is_so():
            await asyncio.sleep(0.01)
