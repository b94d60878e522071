"""A domain grows by updates: each gives what a fresh copy would, leaves other resources alone, and keeps edits."""

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
    from collections.abc import Callable
    from pathlib import Path

    from tests.harness.combinations.domains import Domain
    from tests.harness.combinations.rendering import Tree

pytestmark = pytest.mark.thorough

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


GROWTHS: dict[str, tuple[Domain, set[str]]] = {
    "a resource is added": ([*SHOP, REVIEW], {"review"}),
    "a resource is left out": (without("order_item"), {"order_item"}),
    "resources change places": (SHOP[::-1], set()),
    "a field is added": (changed("customer", lambda it: it["fields"].update(phone="str?")), {"customer"}),
    "a field is left out": (changed("order", lambda it: it["fields"].pop("note")), {"order"}),
    "fields change places": (
        changed("order", lambda it: it.update(fields=dict(reversed(it["fields"].items())))),
        {"order"},
    ),
    "a bound is moved": (changed("product", lambda it: it["fields"]["price"].update(ge=1)), {"product"}),
    "a word is added": (changed("order", lambda it: it["fields"]["status"]["values"].append("lost")), {"order"}),
    "an enumeration is added": (
        changed("customer", lambda it: it["fields"].update(tier={"type": "enum", "values": ["a"], "default": "a"})),
        {"customer"},
    ),
    "a default is another": (changed("product", lambda it: it["fields"]["stock"].update(default=7)), {"product"}),
    "an operation is left out": (
        changed("customer", lambda it: it.update(operations=["list", "read"])),
        {"customer", "order"},  # whose tests delete a customer no longer
    ),
}


# Those that lead to another table; each of them takes a service of its own and a quarter of a minute.
MIGRATED = [
    ("postgresql", "a resource is added"),
    ("postgresql", "an enumeration is added"),
    ("postgresql", "a default is another"),
    ("sqlite", "an enumeration is added"),
    ("sqlite", "a word is added"),
]


def without_history(files: Tree) -> Tree:
    return {path: file for path, file in files.items() if not path.startswith(HISTORY)}


def start(template: Path, directory: Path, **answers: object) -> None:
    render(template, directory, DEFAULT | {"resources": SHOP} | answers, RELEASE)
    commit(directory, "start")


def stems(files: Tree, others: Tree) -> set[str]:
    """Name the resources of which some file differs."""
    differing = {path for path in files.keys() | others.keys() if files.get(path) != others.get(path)}
    code = [path for path in differing if path.endswith(".py") and not path.startswith(HISTORY)]
    return {path.rsplit("/", 1)[-1].removeprefix("test_").removesuffix(".py") for path in code}


@pytest.mark.parametrize(("domain", "touched"), GROWTHS.values(), ids=GROWTHS)
def test_growing_gives_what_a_fresh_copy_gives_and_touches_no_other_resource(
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
    assert stems(before, after) == touched


def test_an_edit_of_a_resource_is_kept_as_it_grows(template: Path, empty: Path) -> None:
    start(template, empty)
    service = empty / "app" / "services" / "customer.py"
    service.write_text(service.read_text(encoding="utf-8") + "\n\nOURS = True\n", encoding="utf-8")
    commit(empty, "edit")
    update(empty, {"resources": GROWTHS["a field is added"][0]}, RELEASE)
    assert git(empty, "diff", "--name-only", "--diff-filter=U") == ""
    assert service.read_text(encoding="utf-8").endswith("OURS = True\n")
    assert "phone" in (empty / "app" / "models" / "customer.py").read_text(encoding="utf-8")


def run(directory: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the service, in the harness's environment and on the service's own database."""
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=directory,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("database", "growth"), MIGRATED)
def test_a_missing_migration_is_told_and_written(database: str, growth: str, template: Path, empty: Path) -> None:
    """From the first day to the next revision, with the commands that the failing test prints."""
    start(template, empty, database=database)
    tests = ("pytest", "-q", "-p", "no:cacheprovider", "-k", "revisions_lead or way_back")
    update(empty, {"resources": GROWTHS[growth][0]}, RELEASE)
    told = run(empty, *tests)
    assert told.returncode == 1, told.stdout
    assert 'uv run app revision "' in told.stdout
    made = run(empty, "app", "revision", growth)
    assert made.returncode == 0, made.stdout + made.stderr
    passed = run(empty, *tests)
    assert passed.returncode == 0, passed.stdout
    assert len(list((empty / "migrations" / "versions").glob("*.py"))) == 2


@pytest.mark.parametrize("database", ["postgresql", "sqlite"])
def test_accounts_come_to_a_service_that_lives(database: str, template: Path, empty: Path) -> None:
    """Another answer brings tables, too, and owners of rows; their migration is written by the same command."""
    start(template, empty, database=database)
    owned = changed("order", lambda it: it.update(owner=True))
    wanted = "revisions_lead or way_back or test_user or test_order"
    for auth in ("local", "oidc"):
        update(empty, {"auth": auth, "resources": owned}, RELEASE)
        made = run(empty, "app", "revision", f"{auth} accounts")
        assert made.returncode == 0, made.stdout + made.stderr
        passed = run(empty, "pytest", "-q", "-p", "no:cacheprovider", "-k", wanted)
        assert passed.returncode == 0, passed.stdout
        commit(empty, auth)


def test_the_record_keeps_the_order_of_resources_and_fields(template: Path, empty: Path) -> None:
    start(template, empty)
    recorded = yaml.safe_load((empty / ".copier-answers.yml").read_text(encoding="utf-8"))["resources"]
    assert json.dumps(recorded, default=str) == json.dumps(SHOP, default=str)
