"""Load the package beside this file: Copier loads extensions as single files, which cannot import their siblings.

Each clone gets a package name of its own, because an update loads two releases of the template in one process.
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
    """Import the package under the name of this clone, once."""
    spec = spec_from_file_location(NAME, PACKAGE / "__init__.py", submodule_search_locations=[str(PACKAGE)])
    if NAME in sys.modules or spec is None or spec.loader is None:
        return
    sys.modules[NAME] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules[NAME])


class Slipway(Extension):
    """Add the filters of `copier.yml` and of the template: plan, checks of answers, formatting, quoting."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        load_package()
        environment.filters |= import_module(f"{NAME}.filters").filters()
