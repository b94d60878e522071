"""Functions that background jobs run, and their schedules.

Every module of this package is searched for tasks.
"""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType


def modules() -> Iterator[ModuleType]:
    """Import and yield every module of this package, so a new file needs no registration."""
    for module in iter_modules(__path__, f"{__name__}."):
        yield import_module(module.name)
