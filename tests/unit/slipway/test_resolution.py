"""Imports of a service's modules are checked statically; names bound at run time are accepted."""

from __future__ import annotations

import pytest

from slipway.imports.resolution import unresolved

MODULES = {
    "app/__init__.py": "",
    "app/limits.py": "SIZE = 1\nfor RATE in (1, 2):\n    pass\nif SIZE:\n    COLOUR = 2\n",
    "app/models/__init__.py": "from app.models.product import *\n",
    "app/models/product.py": "class Product: ...\n",
    "app/lazy.py": "def __getattr__(name): ...\n",
    "app/matched.py": "match 1:\n    case [*REST] | {**OTHERS} | (1 as ALIAS):\n        pass\n",
    "app/globals.py": "def install():\n    global STATE\n    STATE = 1\n",
    "app/broken.py": "def (\n",
    "app/plugins/one.py": "",
}


def problems(source: str, path: str = "app/own.py") -> set[str]:
    """Return the imports in a source that do not resolve beside the modules in `MODULES`."""
    contents = {name: text.encode() for name, text in {**MODULES, path: source}.items()}
    return {
        problem
        for importer, problem in unresolved({name: name for name in contents}, contents.__getitem__)
        if importer == path
    }


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from app.gone import x", {"there is no module app.gone"}),
        ("import app.gone", {"there is no module app.gone"}),
        ("from app.limits import SIZE, GONE", {"app.limits has no GONE"}),
        ("from app import gone", {"app has no gone"}),
        ("from app.models import Gone", {"app.models has no Gone"}),
        ("from .gone import x", {"there is no module app.gone"}),
        ("from . import gone", {"app has no gone"}),
        ("def f():\n    from app import gone", {"app has no gone"}),
        ("if TYPE_CHECKING:\n    from app import gone", {"app has no gone"}),
        ("try:\n    from app import gone\nexcept ValueError:\n    pass", {"app has no gone"}),
    ],
)
def test_import_of_missing_module_or_name_is_found(source: str, expected: set[str]) -> None:
    assert problems(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "import os, json\nfrom collections import abc\nfrom elsewhere import anything",
        "import app.limits\nfrom app import limits, models\nfrom app.limits import SIZE, RATE, COLOUR",
        "from app.models import Product\nfrom app.models.product import Product",
        "from app.models import *",
        "from app.lazy import whatever",
        "from app.matched import REST, OTHERS, ALIAS",
        "from app.globals import STATE",
        "from app.broken import whatever",
        "from app.plugins import one",
        "from . import limits\nfrom .models import Product",
        "try:\n    from app import gone\nexcept ImportError:\n    gone = None",
        "with suppress(ImportError):\n    from app import gone",
        "with contextlib.suppress(ModuleNotFoundError):\n    import app.gone",
        "def (",
    ],
)
def test_resolvable_import_is_accepted(source: str) -> None:
    assert problems(source) == set()


def test_relative_import_of_package_is_resolved() -> None:
    assert problems("from ..limits import SIZE\nfrom ..gone import x", "app/models/own.py") == {
        "there is no module app.gone"
    }
