"""An update that changes the domain equals a fresh copy, and preserves edits and other resources."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.harness.checks.runner import environment
from tests.harness.combinations.domains import EXAMPLES
from tests.harness.combinations.questions import all_questions
from tests.harness.combinations.rendering import render, tree, update
from tests.harness.workspace import RELEASE, commit, git

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tests.harness.combinations.domains import Domain
    from tests.harness.combinations.rendering import Tree

pytestmark = [pytest.mark.thorough, pytest.mark.weekly]

DEFAULT = all_questions().default
SHOP: Domain = EXAMPLES["shop"]["resources"]
HISTORY = "migrations/versions/"
REVIEW = {
    "name": "review",
    "fields": {
        "product": {"type": "ref", "to": "product", "on_delete": "cascade"},
        "stars": {"type": "int", "ge": 1, "le": 5},
    },
}


def without(name: str) -> Domain:
    return [resource for resource in SHOP if resource["name"] != name]


def changed(name: str, change: Callable[[dict[str, Any]], object]) -> Domain:
    domain = copy.deepcopy(SHOP)
    change(next(resource for resource in domain if resource["name"] == name))
    return domain


def together(domains: Iterable[Domain]) -> Domain:
    """Return one domain with the changes that several domains make to `SHOP`."""
    resources = {resource["name"]: resource for resource in SHOP}
    for domain in domains:
        resources |= {resource["name"]: resource for resource in domain if resource not in SHOP}
    return list(resources.values())


GROWTHS: dict[str, tuple[Domain, set[str]]] = {
    "resource added": ([*SHOP, REVIEW], {"review"}),
    "resource removed": (without("order_item"), {"order_item"}),
    "resources reordered": (SHOP[::-1], set()),
    "field added": (changed("customer", lambda it: it["fields"].update(phone="str?")), {"customer"}),
    "field removed": (changed("order", lambda it: it["fields"].pop("note")), {"order"}),
    "fields reordered": (
        changed("order", lambda it: it.update(fields=dict(reversed(it["fields"].items())))),
        {"order"},
    ),
    "bound changed": (changed("product", lambda it: it["fields"]["price"].update(ge=1)), {"product"}),
    "enum value added": (changed("order", lambda it: it["fields"]["status"]["values"].append("lost")), {"order"}),
    "enum added": (
        changed("customer", lambda it: it["fields"].update(tier={"type": "enum", "values": ["a"], "default": "a"})),
        {"customer"},
    ),
    "default changed": (changed("product", lambda it: it["fields"]["stock"].update(default=7)), {"product"}),
    "constraints changed": (
        changed(
            "product",
            lambda it: it["fields"].update(
                title={"type": "str", "min_length": 2, "max_length": 150, "unique": True},
                price={"type": "decimal", "max_digits": 10, "decimal_places": 2, "gt": -1, "le": 999, "index": False},
                stock={"type": "int", "default": 7},
            ),
        ),
        {"product"},
    ),
    "operations removed": (
        changed("customer", lambda it: it.update(operations=["list", "read"])),
        {"customer", "order"},  # whose tests no longer delete a customer
    ),
}


# Growths that change a table, together: one migration has them all.
MIGRATED = {
    "postgresql": ("resource added", "enum added", "enum value added", "constraints changed"),
    "sqlite": ("resource added", "enum added", "enum value added", "constraints changed"),
}


def without_history(files: Tree) -> Tree:
    return {path: file for path, file in files.items() if not path.startswith(HISTORY)}


def start(template: Path, directory: Path, **answers: object) -> None:
    render(template, directory, DEFAULT | {"resources": SHOP} | answers, RELEASE)
    commit(directory, "start")


def changed_resources(files: Tree, others: Tree) -> set[str]:
    """Return the names of the resources whose files differ."""
    differing = {path for path in files.keys() | others.keys() if files.get(path) != others.get(path)}
    code = [path for path in differing if path.endswith(".py") and not path.startswith(HISTORY)]
    return {path.rsplit("/", 1)[-1].removeprefix("test_").removesuffix(".py") for path in code}


@pytest.mark.parametrize(("domain", "touched"), GROWTHS.values(), ids=GROWTHS)
def test_update_with_changed_domain_equals_fresh_copy(
    domain: Domain, touched: set[str], template: Path, empty: Path
) -> None:
    start(template, empty / "grown")
    before = tree(empty / "grown")
    update(empty / "grown", {"resources": domain}, RELEASE)
    after = tree(empty / "grown")
    render(template, empty / "fresh", DEFAULT | {"resources": domain}, RELEASE)
    assert without_history(after) == without_history(tree(empty / "fresh"))
    assert {path: after[path] for path in after if path.startswith(HISTORY)} == {
        path: before[path] for path in before if path.startswith(HISTORY)
    }
    assert changed_resources(before, after) == touched


def test_edit_of_resource_survives_added_field(template: Path, empty: Path) -> None:
    start(template, empty)
    service = empty / "app" / "services" / "customer.py"
    service.write_text(service.read_text(encoding="utf-8") + "\n\nOURS = True\n", encoding="utf-8")
    commit(empty, "edit")
    update(empty, {"resources": GROWTHS["field added"][0]}, RELEASE)
    assert git(empty, "diff", "--name-only", "--diff-filter=U") == ""
    assert service.read_text(encoding="utf-8").endswith("OURS = True\n")
    assert "phone" in (empty / "app" / "models" / "customer.py").read_text(encoding="utf-8")


def run(directory: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a Python module in a service's directory with the harness's environment."""
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=directory,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def run_tests(directory: Path, *names: str) -> subprocess.CompletedProcess[str]:
    return run(directory, "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/{name}.py" for name in names))


@pytest.mark.parametrize("database", MIGRATED)
def test_missing_migration_is_detected_and_generated(database: str, template: Path, empty: Path) -> None:
    """Follow the commands that the failing test prints."""
    start(template, empty, database=database)
    update(empty, {"resources": together(GROWTHS[growth][0] for growth in MIGRATED[database])}, RELEASE)
    failed = run_tests(empty, "database/test_migrations")
    assert failed.returncode == 1, failed.stdout
    assert 'uv run app revision "' in failed.stdout
    revision = run(empty, "app", "revision", "growth")
    assert revision.returncode == 0, revision.stdout + revision.stderr
    passed = run_tests(empty, "database/test_migrations")
    assert passed.returncode == 0, passed.stdout
    assert len(list((empty / "migrations" / "versions").glob("*.py"))) == 2


@pytest.mark.parametrize(
    ("database", "before", "after"), [("postgresql", "none", "local"), ("sqlite", "local", "oidc")]
)
def test_migration_for_changed_accounts_is_generated_and_passes(
    database: str, before: str, after: str, template: Path, empty: Path
) -> None:
    """Changed answers add tables and row owners; `app revision` generates their migration."""
    start(template, empty, database=database, auth=before)
    owned = changed("order", lambda it: it.update(owner=True))
    update(empty, {"auth": after, "resources": owned}, RELEASE)
    revision = run(empty, "app", "revision", f"{after} accounts")
    assert revision.returncode == 0, revision.stdout + revision.stderr
    passed = run_tests(empty, "database/test_migrations", "auth/test_user", "test_order")
    assert passed.returncode == 0, passed.stdout


def test_answers_file_preserves_resource_and_field_order(template: Path, empty: Path) -> None:
    start(template, empty)
    recorded = yaml.safe_load((empty / ".copier-answers.yml").read_text(encoding="utf-8"))["resources"]
    assert json.dumps(recorded, default=str) == json.dumps(SHOP, default=str)
