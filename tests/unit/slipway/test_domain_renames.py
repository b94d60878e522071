"""Renaming a resource or field renames its identifiers in edited code, and no similar ones."""

from __future__ import annotations

from typing import Any

import pytest

from slipway.moves.domain_renames import domain_renames
from slipway.source.rendering import File, Rendering

CODE = "app/services/{}.py"
MODEL = '__tablename__ = "{}s"\n'


def rendering(name: str, fields: dict[str, Any], code: str, **keys: str) -> Rendering:
    """Return the files of a service with one resource: its service module and another module."""
    texts = {
        f"app/models/{name}.py": MODEL.format(name),
        CODE.format(name): code,
        "app/filtering.py": "sort.order_by(1)\n",
    }
    files = {path: File(text.encode()) for path, text in texts.items()}
    return Rendering(files, {"resources": [{"name": name, "fields": fields, **keys}]})


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ("select(Order).order_by(Order.total)", "select(Purchase).order_by(Purchase.total)"),
        ('text("SELECT 1 FROM orders ORDER BY total")', 'text("SELECT 1 FROM purchases ORDER BY total")'),
        ("from app.models.order_item import OrderItem", "from app.models.order_item import OrderItem"),
        ("cheap_orders = get_order(order_id)", "cheap_purchases = get_purchase(purchase_id)"),
        ("reorder(OrderedDict())", "reorder(OrderedDict())"),
    ],
)
def test_renamed_resource_preserves_other_identifiers(edit: str, expected: str) -> None:
    old = rendering("order", {"total": "int"}, "get_order(order_id, OrderItem, order_item)\n")
    code = "get_purchase(purchase_id, OrderItem, order_item)\n"
    new = rendering("purchase", {"total": "int"}, code, was="order")
    assert domain_renames(old, new).rewrite(CODE.format("order"), edit) == expected


@pytest.mark.parametrize(
    ("was", "edit", "expected"),
    [
        ("name", "getLogger(__name__).info(order.name)", "getLogger(__name__).info(order.label)"),
        ("type", "x = order.type  # type: ignore[arg-type]", "x = order.label  # type: ignore[arg-type]"),
        ("type", 'if type(x) is int: x = Order(type="a")', 'if type(x) is int: x = Order(label="a")'),
        ("id", "order_id, id(order), order.id", "order_id, id(order), order.label"),
    ],
)
def test_renamed_field_preserves_python_names(was: str, edit: str, expected: str) -> None:
    old = rendering("order", {was: "str"}, f"order.{was}\norder_id\n")
    new = rendering("order", {"label": {"type": "str", "was": was}}, "order.label\norder_id\n")
    assert domain_renames(old, new).rewrite(CODE.format("order"), edit) == expected
