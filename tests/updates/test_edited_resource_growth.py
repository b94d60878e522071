"""An update that changes an edited resource merges or reports a conflict, and loses no edit."""

from __future__ import annotations

import copy
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.harness.combinations.questions import all_questions
from tests.harness.combinations.rendering import caching_renderings, render
from tests.harness.updates.day_two_edits import MODEL, ROUTER, SCHEMAS, SERVICE, insert_above, insert_below, substitute
from tests.harness.updates.line_audit import Merge, texts
from tests.harness.updates.owner_repository import Owner
from tests.harness.workspace import RELEASE, commit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.harness.combinations.domains import Domain

pytestmark = [pytest.mark.thorough, pytest.mark.weekly]

DEFAULT = all_questions().default
PRODUCT: dict[str, Any] = {
    "title": {"type": "str", "max_length": 120},
    "note": "text?",
    "status": {"type": "enum", "values": ["draft", "live"], "default": "draft"},
    "price": {"type": "decimal", "ge": 0},
}
SUPPLIER = {"name": "supplier", "fields": {"name": {"type": "str", "max_length": 120}}}
FACTORY = "tests/factories/product.py"


def domain(fields: dict[str, Any]) -> Domain:
    return [{"name": "product", "fields": fields}, copy.deepcopy(SUPPLIER)]


def without(name: str) -> dict[str, Any]:
    return {field: about for field, about in PRODUCT.items() if field != name}


def changed(name: str, **about: object) -> dict[str, Any]:
    return PRODUCT | {name: PRODUCT[name] | about}


BETWEEN = {"weight": "int", "colour": {"type": "str", "max_length": 20, "default": "none"}}


@dataclass(frozen=True)
class Growth:
    """A change of a resource's fields, and the files in which it conflicts with edits."""

    fields: dict[str, Any]
    conflicts: tuple[str, ...] = ()
    adjacent: tuple[str, ...] = ()


GROWTHS = {
    "fields added between others": Growth(
        without("price") | BETWEEN | {"price": PRODUCT["price"]}, adjacent=(MODEL, SCHEMAS)
    ),
    "field added at the end": Growth(PRODUCT | {"stock": {"type": "int", "ge": 0, "default": 0}}, adjacent=(SCHEMAS,)),
    "field removed": Growth(without("note"), adjacent=(SCHEMAS,)),
    "edited field removed": Growth(without("price"), conflicts=(MODEL, SCHEMAS)),
    "enum word added": Growth(changed("status", values=["draft", "live", "retired"])),
    "decimal to int": Growth(PRODUCT | {"price": {"type": "int", "ge": 0}}, conflicts=(SCHEMAS,), adjacent=(MODEL,)),
}


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """Cache Copier's renderings for all tests of this module."""
    with caching_renderings():
        yield


def write_rules(service: Path) -> None:
    """Add business rules, a route, a bound and a comment to a service's files."""
    rules = service / SERVICE
    lines = "    if not product.title:\n        product.title = str(product.id)\n"
    insert_above(rules, r"^    session\.add\(product\)$", lines)
    query = "    if await session.scalar(select(Supplier.id).limit(1)):\n        raise NotFound(MISSING)\n"
    substitute(rules, r"(?s)(^async def delete\(.*?\n)(    await remove\()", rf"\g<1>{query}\g<2>")
    insert_below(rules, r"^from app\.models\.product import", "from app.models.supplier import Supplier\n")
    discount = "async def discount(session: AsyncSession, product_id: UUID) -> Product:\n"
    discount += '    """Halve the price of a product."""\n    product = await get(session, product_id)\n'
    discount += "    product.price = product.price / 2\n    return product\n\n\n"
    insert_above(rules, r"^async def delete\(", discount)
    route = '@router.post("/{product_id}/discount", response_model=ProductRead, responses=described(NotFound))\n'
    route += "async def discount_product(session: Session, product_id: UUID) -> Product:\n"
    route += '    """Halve the price of a product."""\n    return await products.discount(session, product_id)\n\n\n'
    insert_above(service / ROUTER, r"^@router\.patch\(", route)
    substitute(service / SCHEMAS, r"^(ProductPrice = .*)ge=0", r"\g<1>ge=1")
    insert_above(service / MODEL, r"^    price: Mapped", "    # Without taxes.\n")


@pytest.fixture(scope="module")
def pristine(template: Path, workspace: Path) -> Callable[[Domain], Path]:
    """Return a function that renders an unedited service of a domain."""
    number = 0

    def rendered(resources: Domain) -> Path:
        nonlocal number
        number += 1
        directory = workspace / "growth" / str(number)
        render(template, directory, DEFAULT | {"resources": resources}, RELEASE)
        return directory

    return rendered


@pytest.fixture(scope="module")
def base(pristine: Callable[[Domain], Path]) -> Path:
    return pristine(domain(PRODUCT))


@pytest.fixture
def owner(base: Path, empty: Path) -> Owner:
    """A service in which the files of the resource `product` were edited."""
    shutil.copytree(base, empty, dirs_exist_ok=True)
    write_rules(empty)
    commit(empty, "start")
    return Owner(empty)


@pytest.mark.parametrize("name", GROWTHS)
def test_resource_edits_survive_changed_fields(
    name: str, owner: Owner, base: Path, pristine: Callable[[Domain], Path], note: Callable[[str], None]
) -> None:
    growth = GROWTHS[name]
    ours = texts(owner.directory)
    report = owner.update(resources=domain(growth.fields))
    result = texts(owner.result(report).directory)
    audit = Merge(texts(base), ours, texts(pristine(domain(growth.fields))), result, report).audit()
    dropped = [path for path in audit.dropped if not path.startswith("migrations/versions/")]  # seeds: written once
    note(
        f"Growth, {name}: conflicts {', '.join(report['conflicts']) or 'none'}; neighbouring lines merged"
        f" {', '.join(report['adjacent']) or 'none'}; {len(audit.lost)} lost, {len(dropped)} dropped"
    )
    assert (audit.lost, dropped, report["lost"]) == ({}, [], [])
    assert (report["conflicts"], report["adjacent"]) == ([*growth.conflicts], [*growth.adjacent])
    assert report["applied"] != bool(growth.conflicts)


def test_update_is_rejected_if_it_removes_an_imported_resource(owner: Owner) -> None:
    [product, _] = domain(PRODUCT)
    (owner / ".dev").mkdir()
    answers = owner / ".dev/domain.yml"
    answers.write_text(yaml.safe_dump({"resources": [product]}, sort_keys=False), encoding="utf-8")
    code, report = owner.run_json("update", "--data-file", str(answers), "--no-checks", "--no-migration")
    assert code == 1
    assert report["faults"] == [f"{SERVICE}: there is no module app.models.supplier"]
    assert report["conflicts"] == []
    assert "Supplier.id" in owner.read(SERVICE)
