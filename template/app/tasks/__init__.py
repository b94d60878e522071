"""What is done outside requests. Every module of this package may have tasks, or periodic ones."""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType


def modules() -> Iterator[ModuleType]:
    """Give every module; adding a file is enough."""
    for module in iter_modules(__path__, f"{__name__}."):
        yield import_module(module.name)
