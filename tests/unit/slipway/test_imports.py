"""Imports of moved modules and renamed names are rewritten; other code is unchanged."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from slipway.imports.files import rewrite_files, rewrite_imports, rewrite_lines, rewrite_strings
from slipway.imports.names import exports, parses
from slipway.imports.order import find_ruff, keep_order
from slipway.imports.renames import Renames, module_name
from tests.harness.workspace import ROOT, TEMPLATE, template_files

RENAMES = Renames(
    {
        "app.hashing": "app.auth.passwords",
        "app.http_client": "app.outbound.client",
        "app.cache": "app.stores.cache",
        "app.cache.own": "app.cache.own",
        "app.links": "app.core.links",
    },
    {
        "app.callers:Caller": "app.auth:CurrentUser",
        "app.hashing:hash": "app.auth.passwords:hash_password",
        "app.hashing:check": "app.auth.checks:verify",
    },
    {"app/hashing.py": "app/auth/passwords.py"},
)
SOURCES = {name: path.read_text(encoding="utf-8") for name, path in template_files().items() if name.endswith(".py")}
APP = {name: source for name, source in SOURCES.items() if name.startswith("app/")}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import app.http_client\n", "import app.outbound.client\n"),
        ("import os, app.http_client as h  # c\nh.x\n", "import os, app.outbound.client as h  # c\nh.x\n"),
        ("import app.http_client\napp.http_client.f()\n", "import app.outbound.client\napp.outbound.client.f()\n"),
        ("import app.http_client\napp.main.f(app)\n", "import app.outbound.client\napp.main.f(app)\n"),
        ("import app.links\n(app\n .links.f)\n", "import app.core.links\n(app.core.links.f)\n"),
        (
            "import app.links\nf'{app.links.x:>{app.links.y}}'\n",
            "import app.core.links\nf'{app.core.links.x:>{app.core.links.y}}'\n",
        ),
        ("from app.http_client import f, g as h\n", "from app.outbound.client import f, g as h\n"),
        ("from app.cache import *\n", "from app.stores.cache import *\n"),
        ("from app.cache.values import f\n", "from app.stores.cache.values import f\n"),
        ("from app.cache import values\n", "from app.stores.cache import values\n"),
        ("from app.cache.own import f\n", "from app.cache.own import f\n"),
        ("from app.cache import own\n", "from app.cache import own\n"),
        ("from app import links\nlinks.f()\n", "from app.core import links\nlinks.f()\n"),
        ("from app import http_client\nhttp_client.f()\n", "from app.outbound import client\nclient.f()\n"),
        ("from app import http_client as h\nh.f()\n", "from app.outbound import client as h\nh.f()\n"),
        ("from app import http_client as client\n", "from app.outbound import client\n"),
        ("from app import http_client as http_client\n", "from app.outbound import client as http_client\n"),
        ("from app import main, links\n", "from app import main\nfrom app.core import links\n"),
        ("from app import links, http_client\n", "from app.core import links\nfrom app.outbound import client\n"),
        ("from app import main, links  # noqa\n", "from app import main  # noqa\nfrom app.core import links  # noqa\n"),
        ("from app import (main, links)\n", "from app import (main)\nfrom app.core import links\n"),
        ("from app import main, \\\n    links\n", "from app import main\nfrom app.core import links\n"),
        ("from app import main, links; x = 1\n", "from app import main; from app.core import links; x = 1\n"),
        ("if x: from app import main, links\n", "if x: from app import main; from app.core import links\n"),
        (
            "from app import (  # a\n    links,  # b\n    # c\n    main,  # d\n)\n",
            "from app import (  # a\n    # c\n    main,  # d\n)\nfrom app.core import links  # b\n",
        ),
        (
            "from app import (\n    main,\n    links\n)\n",
            "from app import (\n    main,\n)\nfrom app.core import links\n",
        ),
        (
            "from app.http_client import (  # a\n    f,  # b\n\n    g\n)\n",
            "from app.outbound.client import (  # a\n    f,  # b\n\n    g\n)\n",
        ),
        (
            "def f():\n\tfrom app import main, links\n",
            "def f():\n\tfrom app import main\n\tfrom app.core import links\n",
        ),
        (
            "if TYPE_CHECKING:\r\n    from app import main, links\r\n",
            "if TYPE_CHECKING:\r\n    from app import main\r\n    from app.core import links\r\n",
        ),
        ("from app.callers import Caller\nx: Caller\n", "from app.auth import CurrentUser\nx: CurrentUser\n"),
        (
            "from app.callers import Caller as C, Other\n",
            "from app.callers import Other\nfrom app.auth import CurrentUser as C\n",
        ),
        (
            "from app.hashing import hash, salt\nhash(salt)\n",
            "from app.auth.passwords import hash_password, salt\nhash_password(salt)\n",
        ),
        (
            "from app.hashing import check, salt\n",
            "from app.auth.checks import verify\nfrom app.auth.passwords import salt\n",
        ),
        (
            "from app import hashing\nhashing.hash(hashing.salt)\n",
            "from app.auth import passwords\npasswords.hash_password(passwords.salt)\n",
        ),
        (
            "import app.hashing as h\nf'{h.hash(1)} {h.salt}'\n",
            "import app.auth.passwords as h\nf'{h.hash_password(1)} {h.salt}'\n",
        ),
        (
            "from app import links, hashing\nsetattr(hashing, 'hash', 1)\n",
            "from app.core import links\nfrom app.auth import passwords\nsetattr(passwords, 'hash_password', 1)\n",
        ),
        (
            "# é\nfrom app import http_client; 'é', http_client.é\n",
            "# é\nfrom app.outbound import client; 'é', client.é\n",
        ),
        ("\ufefffrom app import http_client\n", "\ufefffrom app.outbound import client\n"),
        (
            "from app import http_client\ndel http_client\n",
            "from app.outbound import client as http_client\ndel http_client\n",
        ),
    ],
)
def test_import_of_moved_module_is_rewritten(before: str, after: str) -> None:
    assert rewrite_imports(before, RENAMES) == after
    assert parses(after)


@pytest.mark.parametrize(
    "rest",
    [
        "def f(client): http_client.g(client)\n",
        "client = 1\n",
        "try:\n    pass\nexcept OSError:\n    http_client = None\n",
        "def f():\n    global http_client\n    http_client = 1\n",
        "__all__ = ['http_client']\n",
        "x: 'http_client.X'\n",
        "cast('http_client.X', 1)\n",
        "[client for client in http_client]\n",
        "match x:\n    case {**client}:\n        pass\n",
    ],
)
def test_ambiguous_local_name_is_kept_by_import_alias(rest: str) -> None:
    after = f"from app.outbound import client as http_client\n{rest}"
    assert rewrite_imports(f"from app import http_client\n{rest}", RENAMES) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f(Caller): return Caller\n", "def f(Caller): return Caller\n"),
        ("[Caller for Caller in x]\n", "[Caller for Caller in x]\n"),
        ("[x for x in Caller]\n", "[x for x in CurrentUser]\n"),
        ("def f():\n    Caller = 1\n    return Caller\n", "def f():\n    Caller = 1\n    return Caller\n"),
        ("lambda Caller: Caller\n", "lambda Caller: Caller\n"),
        (
            "class A:\n    Caller = 1\n    def f(self): return Caller\n",
            "class A:\n    Caller = 1\n    def f(self): return CurrentUser\n",
        ),
        (
            "def f(x: Caller = Caller) -> Caller: Caller()\n",
            "def f(x: CurrentUser = CurrentUser) -> CurrentUser: CurrentUser()\n",
        ),
        ("f(Caller=Caller)\nx.Caller\n", "f(Caller=CurrentUser)\nx.Caller\n"),
        ("'Caller'  # Caller\n", "'Caller'  # Caller\n"),
        (
            "@Caller\nclass B(Caller, metaclass=Caller): pass\n",
            "@CurrentUser\nclass B(CurrentUser, metaclass=CurrentUser): pass\n",
        ),
    ],
)
def test_import_rewrite_does_not_rename_shadowed_name(before: str, after: str) -> None:
    source = f"from app.callers import Caller\n{before}"
    assert rewrite_imports(source, RENAMES) == f"from app.auth import CurrentUser\n{after}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("patch('app.http_client.TIMEOUT')", "patch('app.outbound.client.TIMEOUT')"),
        ('import_module("app.hashing")', 'import_module("app.auth.passwords")'),
        ('x = r"app.cache.values:Store.get"', 'x = r"app.stores.cache.values:Store.get"'),
        ('x = "app.hashing:hash"', 'x = "app.auth.passwords:hash_password"'),
        ('x = "app.hashing.hash"', 'x = "app.auth.passwords.hash_password"'),
        ('x = "app.callers.Caller.name"', 'x = "app.auth.CurrentUser.name"'),
        *(
            (same, same)
            for same in (
                'x = "see app.hashing"',
                'x = b"app.hashing"',
                'x = "app.hashings"',
                "# app.hashing",
                'x = f"app.hashing"',
                'x = "app" ".hashing"',
                'x = "app.cache.own.f"',
                'x = "hashing"',
            )
        ),
    ],
)
def test_string_with_module_path_is_rewritten(before: str, after: str) -> None:
    assert rewrite_imports(before, RENAMES) == after


@pytest.mark.parametrize(
    ("path", "moved_to", "before", "after"),
    [
        ("app/own.py", "", "from . import http_client, main\n", "from . import main\nfrom .outbound import client\n"),
        ("app/own.py", "", "from .http_client import f\n", "from .outbound.client import f\n"),
        ("app/own/__init__.py", "", "from ..links import f\n", "from ..core.links import f\n"),
        ("app/cache/own.py", "", "from .values import f\n", "from app.stores.cache.values import f\n"),
        ("app/cache/own.py", "", "from . import values\n", "from app.stores.cache import values\n"),
        ("app/cache/own.py", "app/stores/cache/own.py", "from .values import f\n", "from .values import f\n"),
        ("app/links.py", "app/core/links.py", "from .main import f\n", "from app.main import f\n"),
        ("app/links.py", "app/core/links.py", "from . import main as m\n", "from app import main as m\n"),
        ("own.py", "", "from ..x import f\n", "from ..x import f\n"),
        ("", "", "from . import http_client\n", "from . import http_client\n"),
    ],
)
def test_relative_import_of_moved_module_is_rewritten(path: str, moved_to: str, before: str, after: str) -> None:
    assert rewrite_imports(before, RENAMES, path, moved_to) == after


def test_rewritten_import_in_package_keeps_exported_name() -> None:
    source = "from app.callers import Caller\n"
    assert rewrite_imports(source, RENAMES, "app/own/__init__.py") == "from app.auth import CurrentUser as Caller\n"


def test_rewritten_import_keeps_name_that_other_module_imports() -> None:
    files = {
        "app/own.py": "from app import http_client, links\n",
        "tests/a.py": "from app.own import http_client\n",
        "pyproject.toml": 'modules = ["app.links"]\n',
        "README.md": "app.links\n",
    }
    assert rewrite_files(files, RENAMES) == {
        "app/own.py": "from app.outbound import client as http_client\nfrom app.core import links\n",
        "pyproject.toml": 'modules = ["app.core.links"]\n',
    }


def test_module_exports_include_imported_and_patched_names() -> None:
    source = "from app import own\nfrom app.own import a\nown.b.c\npatch('app.own.d')\nsetattr(own, 'e', 1)\n"
    assert exports({"tests/a.py": source})["app.own"] == {"a", "b", "d", "e"}


def test_imports_in_source_that_does_not_parse_are_unchanged() -> None:
    assert (
        rewrite_imports("from app import http_client\n<<<<<<<\n", RENAMES) == "from app import http_client\n<<<<<<<\n"
    )


UNMERGED = """\
<<<<<<< before updating
from app import http_client, main
    from app.hashing import hash
=======
import app.links
from app.cache.values import (
    f,
)
from app.hashing import (
    hash,
)
>>>>>>> after updating
app.links.f()  # unchanged: "
"""
REWRITTEN = """\
<<<<<<< before updating
from app import main
from app.outbound import client as http_client
    from app.auth.passwords import hash_password as hash
=======
import app.core.links
from app.stores.cache.values import (
    f,
)
from app.hashing import (
    hash,
)
>>>>>>> after updating
app.core.links.f()  # unchanged: "
"""


def test_imports_between_conflict_markers_are_rewritten() -> None:
    assert rewrite_lines(UNMERGED, RENAMES) == REWRITTEN


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('module = ["app.cache.*", "app.cached"]', 'module = ["app.stores.cache.*", "app.cached"]'),
        ("command: uvicorn app.hashing:hash", "command: uvicorn app.auth.passwords:hash_password"),
        ('"app/hashing.py" = ["S105"]', '"app/auth/passwords.py" = ["S105"]'),
        ("omit = ./app/hashing.py", "omit = ./app/auth/passwords.py"),
        *((same, same) for same in ("my.app.links", "app.links-x", "a@app.links", "x/app/hashing.py", "app.cache.own")),
    ],
)
def test_module_path_in_configuration_is_rewritten(before: str, after: str) -> None:
    assert rewrite_strings(before, RENAMES) == after


@pytest.mark.parametrize(
    ("path", "module"),
    [("app/x.py", "app.x"), ("app/x/__init__.py", "app.x"), ("app/x-y.py", ""), ("a/b.txt", "")],
)
def test_module_name_is_derived_from_path(path: str, module: str) -> None:
    assert module_name(path) == module


def test_sorted_imports_stay_sorted_after_rewrite() -> None:
    ruff = find_ruff(ROOT)
    assert ruff
    sorted_pair = "import a\nimport c\n", "import d\nimport c\n"
    files = {
        "a.py": sorted_pair,
        "b.py": ("import c\nimport a\n", "import c\nimport b\n"),
        "c.toml": ("b = 1", "a  = 1"),
    }
    configuration = (TEMPLATE / "ruff.toml").read_text(encoding="utf-8")
    ordered = keep_order(files, configuration, ruff)
    assert ordered == {"a.py": "import c\nimport d\n", "b.py": "import c\nimport b\n", "c.toml": "a  = 1"}
    assert keep_order(files, configuration, None) == {name: after for name, (_, after) in files.items()}
    assert keep_order(files, "<<<<<<<", ruff) == {name: after for name, (_, after) in files.items()}


NAMES = st.from_regex(r"[a-z]{3,8}", fullmatch=True)


@given(st.sampled_from(sorted(SOURCES)), NAMES, NAMES)
@settings(max_examples=100, deadline=None)
def test_unrelated_rename_changes_nothing(path: str, old: str, new: str) -> None:
    renames = Renames({f"unrelated.{old}": f"other.{new}"}, {f"unrelated:{old}": f"other:{new}"})
    assert rewrite_imports(SOURCES[path], renames, path) == SOURCES[path]


MODULES = sorted({module_name(path) for path in APP} - {"", "app"})


def splits_import(source: str, renames: Renames) -> bool:
    """Return whether names of one `from` import have different new modules."""
    statements = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)]
    return any(
        len({renames.name(statement.module or "", alias.name)[0] for alias in statement.names}) > 1
        for statement in statements
    )


@given(st.sets(st.sampled_from(MODULES), min_size=1, max_size=8), st.sampled_from(sorted(SOURCES)))
@example({"app.jobs.store"}, "tests/jobs/test_jobs.py")
@settings(max_examples=100, deadline=None)
def test_reversed_import_rewrite_restores_imports(moved: set[str], path: str) -> None:
    """Compare the imported names, because an import statement that was split stays split."""
    source = SOURCES[path]
    renames = Renames({module: f"app.moved.{module.removeprefix('app.')}" for module in moved})
    back = Renames({new: old for old, new in renames.modules.items()})
    restored = rewrite_imports(rewrite_imports(source, renames, path), back, path)
    assert parses(restored)
    assert exports({path: restored}) == exports({path: source})
    assert restored == source or splits_import(source, renames)


def test_slipway_imports_standard_library_only() -> None:
    """Copier's Python runs these modules without the package's requirements."""
    code = f"""\
import sys
sys.path.insert(0, {str(ROOT)!r})
import slipway.imports.files, slipway.imports.order, slipway.moves.declared
print(*sys.modules)
"""
    command = [sys.executable, "-I", "-S", "-B", "-c", code]
    loaded = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names <= {"__main__", "slipway"}
