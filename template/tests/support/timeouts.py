"""Long timeouts, so that tests are not flaky on a slow machine.

A test polls for a condition until `DEADLINE`, and never sleeps for a fixed time. The timeouts of
the service are raised too. A test of one timeout lowers that timeout, or replaces the clock.
"""

import asyncio
import sys
from collections.abc import Callable

DEADLINE = 60.0  # seconds
PROCESS_DEADLINE = 300.0  # seconds for a new process, which imports the service
CONSTANTS = ("GRACE", "LOCK", "WAIT")  # in seconds, beside those named TIMEOUT


def raise_timeouts(assign: Callable[[object, str, object], None]) -> None:
    """Set all timeout constants in imported modules of the service to `DEADLINE`."""
    for path, module in list(sys.modules.items()):
        if path.startswith(("app.", "development.")):
            for name, value in list(vars(module).items()):
                is_timeout = name.endswith("TIMEOUT") or name in CONSTANTS
                if is_timeout and isinstance(value, float | int):
                    assign(module, name, DEADLINE)


async def wait_until(condition: Callable[[], object]) -> None:
    """Poll a condition until it is true.

    Raises:
        TimeoutError: the condition is not true within `DEADLINE` seconds.
    """
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.01)
