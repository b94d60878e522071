"""A release moves most modules of a service; what its owner wrote follows, and imports what has moved."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from slipway.imports.renames import module_name
from tests.harness.checks.runner import environment
from tests.harness.combinations.rendering import caching_renderings, render, tree, update
from tests.harness.findings import assert_no_findings
from tests.harness.updates import releases
from tests.harness.updates.module_moves import CHANGED, MERGED, answers, move_modules
from tests.harness.workspace import commit, git

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.thorough

LATER = "v1000.0.0"
MIN_MOVED = 90
SETTINGS = {
    "ACCOUNT_MAIL_PAGE": "https://example.org/account",
    "AUTH_KEYS": f'["{"k" * 44}"]',
    "EMAIL_FROM": "shop@example.org",
    "EMAIL_URL": "smtp://localhost:25",
    "FILES_URL": "file:///srv/files",
    "TASKS_URL": "redis://localhost:6379/0",
}

OWN = '''\
"""What this service adds."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import app.logging
from app import (
    digests,  # a checksum
    settings,
)
from app import valkey as store
from app.cache import own as own_cache
from app.digests import digest
from app.hashing import hashed as hash_password

from . import links
from .lists import Filters

if TYPE_CHECKING:
    from fastapi import FastAPI

    from app.http_client import HttpClient

# What app.http_client is for.
PATHS = ("app.http_client.HttpClient", "app.cache", "app.main:create_app", "see app.x")


def install(app: FastAPI) -> None:
    """Install nothing yet."""
    app.state.own = settings


def checksum(text: str) -> str:
    """Return a checksum, twice."""
    from app import http_client

    first, second = digest(text), f"{digests.digest(text)} {http_client.RETRIES}"
    return f"{first} {second} {app.logging.HEADER}"


def used(client: HttpClient) -> list[object]:
    """Return what the imports are for."""
    module = importlib.import_module("app.http_client")
    return [client, Filters, module, links, store, own_cache, hash_password, digests]
'''
OWN_AFTER = '''\
"""What this service adds."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import app.core.logging
from app import settings
from app.accounts import passwords as digests  # a checksum
from app.accounts.passwords import hashed as hash_password
from app.accounts.passwords import sha256_digest
from app.stores import valkey as store
from app.stores.cache import own as own_cache

from .core import links
from .core.lists import Filters

if TYPE_CHECKING:
    from fastapi import FastAPI

    from app.outbound.client import HttpClient

# What app.http_client is for.
PATHS = ("app.outbound.client.HttpClient", "app.stores.cache", "app.main:create_app", "see app.x")


def install(app: FastAPI) -> None:
    """Install nothing yet."""
    app.state.own = settings


def checksum(text: str) -> str:
    """Return a checksum, twice."""
    from app.outbound import client as http_client

    first, second = sha256_digest(text), f"{digests.sha256_digest(text)} {http_client.RETRIES}"
    return f"{first} {second} {app.core.logging.HEADER}"


def used(client: HttpClient) -> list[object]:
    """Return what the imports are for."""
    module = importlib.import_module("app.outbound.client")
    return [client, Filters, module, links, store, own_cache, hash_password, digests]
'''
OWN_CACHE = '"""Our part of a package that moves."""\n\nfrom .values import digest\n\n__all__ = ["digest"]\n'
OWN_TEST = """\
import pytest

from app import digests, http_client, own
from tests import valkey


def test_retries_are_patched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.http_client.RETRIES", 5)
    monkeypatch.setattr(digests, "digest", lambda text: text)
    monkeypatch.setattr(own, "links", None)
    assert (http_client.RETRIES, own.checksum("a").split()[1:]) == (5, ["a", "5", "X-Request-ID"])
    assert (own.digests.__name__, valkey.__name__) == (digests.__name__, "tests.support.valkey")
"""
CONTRACT = """
[[tool.importlinter.contracts]]
name = "The client knows nothing of domains"
type = "forbidden"
source_modules = ["app.http_client", "app.links"]
forbidden_modules = ["app.services", "app.own"]
"""
HELPER = '''

def fingerprint(text: str) -> str:
    """Return a fingerprint of a request's body."""
    return digests.digest(text)
'''


@dataclass(frozen=True)
class Edited:
    """An edit of a template's file: texts and what replaces them, and where they are afterwards."""

    path: str
    to: str
    edits: tuple[tuple[str, str], ...]
    expected: tuple[str, ...]


EDITS = (
    Edited(
        "app/http_client.py",
        "app/outbound/client.py",
        (
            ("from app import logging, settings\n", "from app import digests, logging, settings\n\nRETRIES = 3\n"),
            ("\n\n@cache\n", f"{HELPER}\n\n@cache\n"),
        ),
        ("RETRIES = 3\n", "    return passwords.sha256_digest(text)\n", "from app.accounts import passwords\n"),
    ),
    Edited(
        "app/services/product.py",
        "app/domain/product.py",
        (
            ("from app.database import", "from app import links\nfrom app.database import"),
            ("MISSING = ", "LINKS = links\nMISSING = "),
        ),
        ("from app.core import links\n", "LINKS = links\n"),
    ),
    Edited(
        "app/main.py",
        "app/main.py",
        (
            ("    openapi,\n", "    openapi,\n    own,\n"),
            (
                "    # Parts of the service's own go here.\n",
                "    # Parts of the service's own go here.\n    own.install(app)\n",
            ),
        ),
        ("    own,\n", "    own.install(app)\n"),
    ),
    Edited("app/email/templates/hello.txt", "app/mail/templates/hello.txt", (("", "Welcome.\n"),), ("Welcome.\n",)),
    Edited(
        "tests/test_cache.py",
        "tests/stores/test_cache.py",
        (("", "# Ours.\n"),),
        ("# Ours.\n",),
    ),
    Edited(
        "ruff.toml",
        "ruff.toml",
        (('"app/checks.py" = ["T201"]\n', '"app/checks.py" = ["T201"]\n"app/http_client.py" = ["ERA001"]\n'),),
        ('"app/outbound/client.py" = ["ERA001"]\n',),
    ),
    Edited(
        "pyproject.toml",
        "pyproject.toml",
        (("\n[tool.deptry]\n", f"{CONTRACT}\n[tool.deptry]\n"),),
        (
            'source_modules = ["app.outbound.client", "app.core.links"]\n',
            'forbidden_modules = ["app.domain", "app.own"]\n',
        ),
    ),
)
CREATED = {"app/own.py": OWN, "app/cache/own.py": OWN_CACHE, "tests/test_own.py": OWN_TEST}


def update_by_copier(service: Path) -> None:
    update(service, {}, LATER)


def update_by_slipway(service: Path) -> None:
    """Update by `slipway update`, with its output on stderr."""
    command = [sys.executable, "-P", "-m", "slipway", "update", "--no-checks", "--no-migration"]
    subprocess.run(command, cwd=service, check=True, stdout=STDERR, stdin=subprocess.DEVNULL)


STDERR = 2  # the descriptor that `capture_stderr` redirects
UPDATES = [update_by_copier, update_by_slipway]


@pytest.fixture(scope="module")
def template(history: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield the template with the release that moves modules."""
    directory = tmp_path_factory.mktemp("moved") / "template"
    shutil.copytree(history, directory, symlinks=True)
    with caching_renderings():
        move_modules(directory, LATER.removeprefix("v"))
        commit(directory, LATER)
        yield directory


@contextmanager
def capture_stderr(path: Path) -> Iterator[None]:
    """Write what this process and its children print on stderr to a file."""
    stderr = os.dup(2)
    with path.open("wb") as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


@dataclass(frozen=True)
class Updated:
    """A service after its update, and what the update printed."""

    service: Path
    output: str

    def text(self, path: str) -> str:
        return (self.service / path).read_text(encoding="utf-8")

    def run(self, *command: str) -> str:
        """Run a command of Python's in the service, and return its output."""
        run = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.service,
            env=environment() | SETTINGS,
            check=False,
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout


def start(template: Path, service: Path, repository: Path | None = None) -> None:
    """Render a service before the release, with its owner's edits, and commit it."""
    render(template, service, answers(), releases.NEXT)
    commit(repository or service, "start")
    for edited in EDITS:
        text = (service / edited.path).read_text(encoding="utf-8")
        for old, new in edited.edits:
            assert old in text, f"{edited.path} has no {old!r}"
            text = text.replace(old, new, 1) if old else text + new
        (service / edited.path).write_text(text, encoding="utf-8")
    for path, text in CREATED.items():
        (service / path).write_text(text, encoding="utf-8")
    git(repository or service, "add", "--all")
    git(repository or service, "commit", "--message", "work")


@pytest.fixture(scope="module", params=UPDATES, ids=lambda each: each.__name__)
def updated(request: pytest.FixtureRequest, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Updated:
    """Return an edited service after its update, once for each way to update."""
    directory = tmp_path_factory.mktemp("service")
    service = directory / "shop"
    start(template, service)
    with capture_stderr(directory / "stderr"):
        request.param(service)
    return Updated(service, (directory / "stderr").read_text(encoding="utf-8"))


def conflicts(repository: Path) -> list[str]:
    return git(repository, "diff", "--name-only", "--diff-filter=U").splitlines()


def bound_names(module: ast.Module) -> set[str]:
    """Return the names that a module may define, wherever they are bound in it."""
    names = set()
    for node in ast.walk(module):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names.update(alias.asname or alias.name.partition(".")[0] for alias in aliases)
    return names


def unresolved_imports(service: Path) -> Iterator[str]:
    """Yield each import of a module or name of the service that does not exist."""
    folders = ("app", "development", "tests", "migrations")
    paths = [path for folder in folders for path in (service / folder).rglob("*.py")]
    trees = {path.relative_to(service).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in paths}
    modules = {module_name(path): bound_names(parsed) for path, parsed in trees.items()}
    packages = {module.rpartition(".")[0] for module in modules}
    for path, parsed in trees.items():
        for node in ast.walk(parsed):
            if isinstance(node, ast.Import):
                targets = [(alias.name, "") for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                package = path.split("/")[: -node.level] if node.level else []
                base = ".".join([*package, *filter(None, [node.module])])
                targets = [(base, alias.name) for alias in node.names]
            else:
                continue
            for module, name in targets:
                module_exists = module in modules or module in packages
                name_exists = not name or name in modules.get(module, ()) or f"{module}.{name}" in modules
                if module.partition(".")[0] in folders and not (module_exists and name_exists):
                    yield f"{path}: {module} {name}"


def test_unedited_service_equals_fresh_copy(template: Path, tmp_path: Path) -> None:
    render(template, tmp_path / "service", answers(), releases.NEXT)
    commit(tmp_path / "service", "start")
    update_by_copier(tmp_path / "service")
    render(template, tmp_path / "fresh", answers(), LATER)
    assert conflicts(tmp_path / "service") == []
    assert tree(tmp_path / "service") == tree(tmp_path / "fresh")


def test_release_moves_ninety_files(template: Path, tmp_path: Path) -> None:
    for version in (releases.NEXT, LATER):
        render(template, tmp_path / version, answers(), version)
    before, after = (tree(tmp_path / version).keys() for version in (releases.NEXT, LATER))
    assert len(before - after) >= MIN_MOVED
    assert f"{MERGED[0].replace('.', '/')}.py" in before - after


def test_update_has_no_conflicts(updated: Updated) -> None:
    assert conflicts(updated.service) == []
    assert "conflicts with the update" not in updated.output


@pytest.mark.parametrize("edited", EDITS, ids=lambda edited: edited.path)
def test_edit_is_in_moved_file(edited: Edited, updated: Updated) -> None:
    text = updated.text(edited.to)
    assert [expected for expected in edited.expected if expected not in text] == []
    assert edited.path == edited.to or not (updated.service / edited.path).exists()


def test_own_module_imports_moved_modules(updated: Updated) -> None:
    assert updated.text("app/own.py") == OWN_AFTER


def test_own_module_follows_moved_package(updated: Updated) -> None:
    assert updated.text("app/stores/cache/own.py") == OWN_CACHE
    assert not (updated.service / "app" / "cache").exists()


def test_own_test_patches_moved_modules(updated: Updated) -> None:
    text = updated.text("tests/test_own.py")
    assert 'monkeypatch.setattr("app.outbound.client.RETRIES", 5)\n' in text
    assert "from tests.support import valkey\n" in text


def test_rewritten_files_are_reported(updated: Updated) -> None:
    _, reported = re.split(r"Imports of moved modules .*rewritten in:\n", updated.output)
    lines = {line.strip() for line in reported.partition("\n\n")[0].splitlines()}
    assert lines == {"app/main.py", "app/own.py", "pyproject.toml", "ruff.toml", "tests/test_own.py"}


def test_every_import_resolves(updated: Updated) -> None:
    assert_no_findings("\n".join(unresolved_imports(updated.service)))


def test_ruff_passes_after_its_fixes(updated: Updated, tmp_path: Path) -> None:
    copy = Updated(shutil.copytree(updated.service, tmp_path / "copy"), "")
    copy.run("ruff", "check", "--fix", "--quiet", ".")
    copy.run("ruff", "check", ".")


def test_service_starts(updated: Updated) -> None:
    assert '"openapi"' in updated.run("app", "openapi")


def test_own_tests_pass(updated: Updated) -> None:
    updated.run("pytest", "-q", "--noconftest", "-p", "no:cacheprovider", "tests/test_own.py")


def test_contracts_hold(updated: Updated) -> None:
    updated.run("importlinter.cli", "lint-imports")


@pytest.mark.parametrize("update_service", [update_by_copier], ids=lambda each: each.__name__)
def test_conflicting_edit_imports_moved_modules(
    update_service: Callable[[Path], None], template: Path, tmp_path: Path
) -> None:
    """In a monorepo: the service is a directory of the repository."""
    service = tmp_path / "services" / "shop"
    start(template, service, tmp_path)
    main = service / "app" / "main.py"
    text = main.read_text(encoding="utf-8").replace("    http_client,\n", "    http_client as outbound,\n", 1)
    text = text.replace("    http_client.install(app)\n", "    outbound.install(app)\n").replace(
        CHANGED[0], "summary=None"
    )
    main.write_text(text, encoding="utf-8")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--message", "conflict")
    update_service(service)
    assert conflicts(tmp_path) == ["services/shop/app/main.py"]
    text = main.read_text(encoding="utf-8")
    assert "<<<<<<< before updating\n        summary=None,\n" in text
    assert "from app.outbound import client as outbound\n" in text
    assert "import http_client" not in text
    assert (service / "app" / "own.py").read_text(encoding="utf-8") == OWN_AFTER
