"""`slipway add` adds a resource or fields to the answers file, and updates the service at its version."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import yaml

from slipway.update.checks import resource_tests
from tests.harness.combinations.questions import all_questions
from tests.harness.combinations.rendering import render
from tests.harness.updates.owner_repository import Owner, create_service, create_template, write
from tests.harness.workspace import RELEASE, ROOT, git

if TYPE_CHECKING:
    from pathlib import Path

ANSWERS = ".copier-answers.yml"
VERSION = "v3.0.0"
QUESTION = """\
resources:
  type: yaml
  default:
    - {name: product, fields: {sku: str, price: {type: decimal, ge: 0}}}
"""
MODULE = "template/app/models/{% yield each from resources %}{{ each.name }}{% endyield %}.py.jinja"
RECORD = "template/{{ _copier_conf.answers_file }}.jinja"
FIELDS = """\
class {{ each.name }}:
{%- for field in each.fields %}
    {{ field }} = 1
{%- endfor %}
"""


@pytest.fixture(scope="module")
def small(workspace: Path) -> Path:
    """A small template whose files depend on the declared resources."""
    directory = workspace / "template of add"
    create_template(directory)
    with (directory / "copier.yml").open("a", encoding="utf-8") as questions:
        questions.write(QUESTION)
    shutil.copy(ROOT / "resources.schema.json", directory)
    write(directory, {MODULE: FIELDS, RECORD: "{{ _copier_answers|to_nice_yaml(sort_keys=False) -}}\n"})
    git(directory, "add", "--all")
    git(directory, "commit", "--quiet", "--message", VERSION)
    git(directory, "tag", VERSION)
    return directory


@pytest.fixture
def owner(small: Path, empty: Path) -> Owner:
    owner = create_service(small, empty, VERSION)
    text = owner.read(ANSWERS).replace("resources:\n", "resources:\n# What we sell.\n")
    write(owner.directory, {ANSWERS: text})
    owner.commit("Comment")
    return owner


def add(owner: Owner, *arguments: str) -> str:
    completed = owner.run("add", *arguments, "--no-checks", "--no-migration")
    assert completed.returncode == 0, completed.stdout + completed.stderr
    return completed.stdout


def resources(owner: Owner) -> list[dict[str, object]]:
    return list(yaml.safe_load(owner.read(ANSWERS))["resources"])


# ── A small template ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_add_resource_declares_it_and_commits_its_files(owner: Owner) -> None:
    before = owner.read(ANSWERS)
    options = ("--plural", "orders", "--read", "permission", "--owner")
    add(owner, "resource", "order", "total:decimal", "note:text?", "ref:product", *options)
    assert owner.read("app/models/order.py") == "class order:\n    total = 1\n    note = 1\n    product = 1\n"
    assert git(owner.directory, "log", "-1", "--format=%s") == "Add the resource order\n"
    assert git(owner.directory, "status", "--porcelain") == ""
    assert resources(owner)[1] == {
        "name": "order",
        "plural": "orders",
        "fields": {"total": "decimal", "note": "text?", "product": {"type": "ref", "to": "product"}},
        "read": "permission",
        "owner": True,
    }
    after = owner.read(ANSWERS)
    assert "resources:\n# What we sell.\n" in after
    assert [line for line in before.splitlines() if line not in after.splitlines()] == []


def test_add_field_declares_it_and_commits_its_files(owner: Owner) -> None:
    add(owner, "field", "product", "colour:enum:red,blue:default=red", "weight:int?")
    assert "colour = 1\n    weight = 1\n" in owner.read("app/models/product.py")
    assert git(owner.directory, "log", "-1", "--format=%s") == "Add colour and weight to product\n"


def test_add_required_field_reports_that_rows_need_a_value(owner: Owner) -> None:
    assert "weight is required" in add(owner, "field", "product", "weight:int", "colour:str?")
    assert "required" not in add(owner, "field", "product", "rank:int:default=0")


def test_add_field_preserves_edit_of_module(owner: Owner) -> None:
    owner.edit("app/models/product.py", "class product:", '"""What we sell."""\n\n\nclass product:')
    add(owner, "field", "product", "weight:int?")
    assert owner.read("app/models/product.py").startswith('"""What we sell."""')
    assert "weight = 1" in owner.read("app/models/product.py")


def test_undo_reverts_add_field(owner: Owner) -> None:
    before = owner.head
    add(owner, "field", "product", "weight:int?")
    assert owner.run("undo").returncode == 0
    assert owner.head == before


def test_add_field_with_resolved_conflict_keeps_commit_message(owner: Owner) -> None:
    owner.edit("app/models/product.py", "price = 1", "price = 1\n    weight = 5")
    completed = owner.run("add", "field", "product", "weight:int?", "--no-checks", "--no-migration")
    assert completed.returncode == 1, completed.stdout
    write(
        owner.directory, {".dev/update/tree/app/models/product.py": "class product:\n    price = 2\n    weight = 1\n"}
    )
    git(owner / ".dev/update/tree", "add", "app/models/product.py")
    completed = owner.run("update", "--continue", "--no-checks", "--no-migration")
    assert completed.returncode == 0, completed.stderr
    assert git(owner.directory, "log", "-1", "--format=%s") == "Add weight to product\n"


def test_add_dry_run_prints_patch_and_changes_nothing(owner: Owner) -> None:
    before = owner.head
    completed = owner.run("add", "resource", "order", "total:decimal", "--dry-run")
    assert completed.returncode == 0, completed.stderr
    assert "+++ b/app/models/order.py\n" in completed.stdout
    assert "+class order:\n" in completed.stdout
    assert f"+++ b/{ANSWERS}\n" in completed.stdout
    assert owner.head == before
    assert git(owner.directory, "status", "--porcelain") == ""
    assert not (owner / ".dev").exists()


def test_add_dry_run_reports_conflict(owner: Owner) -> None:
    owner.edit("app/models/product.py", "price = 1", "price = 1\n    weight = 5")
    code, report = owner.run_json("add", "field", "product", "weight:int?", "--dry-run")
    assert code == 1
    assert report["reasons"] != []
    assert "app/models/product.py" in report["error"]
    assert not (owner / ".dev").exists()


def test_add_json_output_has_commit(owner: Owner) -> None:
    code, report = owner.run_json("add", "field", "product", "weight:int?", "--no-checks")
    assert code == 0
    assert report["commit"] == owner.head
    assert (report["before"], report["after"]) == (VERSION, VERSION)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("resource", "product", "sku:str"), "product: the resource exists already"),
        (("resource", "OrderItem", "sku:str"), "in the singular: order_item"),
        (("resource", "order", "total:money"), "there is no type 'money'. Did you mean decimal?"),
        (("field", "products", "weight:int"), "Did you mean product?"),
        (("field", "product", "sku:str"), "product has a field sku already"),
    ],
)
def test_add_with_invalid_arguments_is_rejected_in_one_line(
    arguments: tuple[str, ...], message: str, owner: Owner
) -> None:
    before = owner.head
    completed = owner.run("add", *arguments)
    assert completed.returncode == 2
    assert message in completed.stderr
    assert completed.stderr.count("\n") == 1
    assert owner.head == before


def test_add_with_template_without_resource_schema_is_rejected(small: Path, empty: Path) -> None:
    git(small, "rm", "--quiet", "resources.schema.json")
    git(small, "commit", "--quiet", "--message", "Remove")
    git(small, "tag", "v3.1.0")
    owner = create_service(small, empty, "v3.1.0")
    completed = owner.run("add", "resource", "order", "total:decimal")
    assert completed.returncode == 2
    assert "no resources.schema.json" in completed.stderr


def test_checks_after_add_test_only_changed_resources() -> None:
    files = {"tests/test_order.py", "tests/test_product.py", "tests/database/test_migrations.py"}
    changed = ["app/models/order.py", "app/schemas/order.py", "app/routers/error.py", "docs/api.md"]
    command = 'uv run pytest -q -m "not drill" tests/test_order.py'
    assert resource_tests(changed, files, has_migration=False) == (command,)
    assert resource_tests(changed, files, has_migration=True) == (f"{command} tests/database/test_migrations.py",)
    assert resource_tests(["docs/api.md"], files, has_migration=False) == ()


# ── The template ──────────────────────────────────────────────────────────────────────────────────────────────────────
SERVICE, ROUTER = "app/services/product.py", "app/routers/product.py"
MODEL, SCHEMA = "app/models/product.py", "app/schemas/product.py"
RULES = '\n\ndef is_free(price: int) -> bool:\n    """Return whether it costs nothing."""\n    return not price\n'


@dataclass(frozen=True)
class Shop:
    """A service in which the files of a resource were edited."""

    owner: Owner
    edits: dict[str, str]  # a line of each edited file


@pytest.fixture
def shop(template: Path, empty: Path) -> Shop:
    """A service with added business rules, a comment in a model, and a changed bound in a schema."""
    render(template, empty, all_questions().default, RELEASE)
    git(empty, "init", "--quiet")
    owner = Owner(empty)
    owner.commit("Start")
    for path in (SERVICE, ROUTER):
        write(empty, {path: owner.read(path) + RULES})
    edits = {
        SERVICE: "def is_free",
        ROUTER: "def is_free",
        MODEL: "# Ours: printed on the label.",
        SCHEMA: "le=99_999",
    }
    owner.edit(MODEL, "    sku: ", "    # Ours: printed on the label.\n    sku: ")
    owner.edit(SCHEMA, "ge=0", "ge=0, le=99_999")
    return Shop(owner, edits)


def assert_edits_are_there(shop: Shop) -> None:
    for path, line in shop.edits.items():
        assert line in shop.owner.read(path), path


@pytest.mark.thorough
def test_add_resource_preserves_edits_of_other_resource(shop: Shop) -> None:
    words = (
        "total:decimal:ge=0",
        "note:text?",
        "placed_on:date!",
        "ref:product",
        "status:enum:draft,paid:default=draft",
    )
    completed = shop.owner.run("add", "resource", "order", *words, "code:str:min_length=1:max_length=32:unique")
    assert completed.returncode == 0, completed.stdout + completed.stderr
    assert_edits_are_there(shop)
    assert "orders" in git(shop.owner.directory, "show", "--format=", "HEAD", "--", "migrations")
    assert "test_order.py" in completed.stdout
    assert shop.owner.run("status").returncode == 0


@pytest.mark.thorough
def test_add_field_preserves_edits_of_same_resource(shop: Shop) -> None:
    completed = shop.owner.run("add", "field", "product", "weight:int?")
    assert completed.returncode == 0, completed.stdout + completed.stderr
    assert_edits_are_there(shop)
    assert "weight" in git(shop.owner.directory, "show", "--format=", "HEAD", "--", "migrations")
