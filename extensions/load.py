"""Import the package `slipway_template` for Copier, which loads each Jinja extension as a single file.

The name in `sys.modules` contains a hash of the clone's path: an update loads two releases of the template in one
process.
"""

from __future__ import annotations

import sys
from hashlib import blake2b
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2.ext import Extension

if TYPE_CHECKING:
    from jinja2 import Environment

PACKAGE = Path(__file__).resolve().parent / "slipway_template"
NAME = f"{PACKAGE.name}_{blake2b(str(PACKAGE).encode(), digest_size=8).hexdigest()}"


def load_package() -> None:
    """Import the package `slipway_template`, unless it is already in `sys.modules`."""
    spec = spec_from_file_location(NAME, PACKAGE / "__init__.py", submodule_search_locations=[str(PACKAGE)])
    if NAME in sys.modules or spec is None or spec.loader is None:
        return
    sys.modules[NAME] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules[NAME])


class Slipway(Extension):
    """Jinja extension that registers the filters of `copier.yml` and of the template."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        load_package()
        environment.filters |= import_module(f"{NAME}.filters").filters()
