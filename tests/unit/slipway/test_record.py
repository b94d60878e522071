"""An answers file is edited in place; comments, order and style of unchanged lines are preserved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from slipway.service.record import merged_record

if TYPE_CHECKING:
    from collections.abc import Callable

FOUR = """\
# Written by Copier.
_commit: v1
_src_path: /template
project: Shop  # as on the door
resources:
-   name: product
    fields:
        # Printed on the label.
        sku:
            type: str
            unique: true
        status:
            type: enum
            values:
            - draft  # not shown
            - live
        released_on: date?
    # Two of one name are one too many.
    unique:
    -   - sku
        - status
# Who buys.
-   name: customer
    fields:
        email: email
features: []
# The end.
"""
TWO = """\
---
_commit: v1
_src_path: /template

# What we sell.
resources:
  - name: product

    fields:
      sku: str  # printed

      # In euros, without tax.
      price: {type: decimal, ge: 0}  # never free
      # Nothing more yet.

  # Who buys.
  - name: 'customer'
    fields: {email: email}
features:
  - cache  # of Valkey
  - files
"""


def edited(text: str, change: Callable[[dict[str, Any]], object]) -> str:
    """Return the text of an answers file after a change of its values."""
    record = yaml.safe_load(text)
    change(record)
    result = merged_record(text.encode(), record).decode()
    assert yaml.safe_load(result) == record
    return result


def added_lines(before: str, after: str) -> list[str]:
    """Return the added lines; fail if any other line changed."""
    remaining = before.splitlines()
    added = []
    for line in after.splitlines():
        if remaining and line == remaining[0]:
            remaining.pop(0)
        else:
            added.append(line)
    assert remaining == []
    return added


def add_field(record: dict[str, Any]) -> None:
    record["resources"][0]["fields"]["colour"] = {"type": "enum", "values": ["red", "blue"], "default": "red"}


def add_resource(record: dict[str, Any]) -> None:
    record["resources"].append({"name": "order", "fields": {"note": "text?", "total": {"type": "decimal"}}})


def test_answers_file_with_equal_values_is_unchanged() -> None:
    assert edited(FOUR, lambda _: None) == FOUR


def test_new_version_changes_one_line_in_answers_file() -> None:
    assert edited(FOUR, lambda record: record.update(_commit="v2")) == FOUR.replace("_commit: v1", "_commit: v2")


def test_new_field_is_appended_in_copier_style() -> None:
    result = edited(FOUR, add_field)
    assert added_lines(FOUR, result) == [
        "        colour:",
        "            type: enum",
        "            values:",
        "            - red",
        "            - blue",
        "            default: red",
    ]
    assert "released_on: date?\n        colour:" in result


def test_new_field_is_written_in_flow_style_of_siblings() -> None:
    result = edited(TWO, add_field)
    assert added_lines(TWO, result) == ["      colour: {type: enum, values: [red, blue], default: red}"]
    assert result.index("# Nothing more yet.") < result.index("colour") < result.index("# Who buys.")


def test_new_resource_is_indented_as_siblings() -> None:
    lines = ["-   name: order", "    fields:", "        note: text?", "        total:", "            type: decimal"]
    assert added_lines(FOUR, edited(FOUR, add_resource)) == lines
    lines = ["  - name: order", "    fields:", "      note: text?", "      total:", "        type: decimal"]
    assert added_lines(TWO, edited(TWO, add_resource)) == lines


def test_changed_answer_preserves_comment_on_its_line() -> None:
    assert "project: Bar  # as on the door\n" in edited(FOUR, lambda record: record.update(project="Bar"))
    price = edited(TWO, lambda record: record["resources"][0]["fields"]["price"].update(ge=1))
    assert "      price: {type: decimal, ge: 1}  # never free\n" in price
    words = edited(TWO, lambda record: record.update(features=["cache", "email"]))
    assert words == TWO.replace("  - files", "  - email")


def test_removed_resource_removes_its_comment() -> None:
    result = edited(TWO, lambda record: record["resources"].pop())
    assert result == TWO.replace("\n  # Who buys.\n  - name: 'customer'\n    fields: {email: email}\n", "")


def test_new_first_key_follows_list_dash() -> None:
    def rename(record: dict[str, Any]) -> None:
        product = record["resources"][0]
        record["resources"][0] = {"plural": "goods", **product}

    assert "-   plural: goods\n    name: product\n" in edited(FOUR, rename)


def test_reordered_fields_move_with_their_comments() -> None:
    def reverse(record: dict[str, Any]) -> None:
        product = record["resources"][0]
        product["fields"] = dict(reversed(product["fields"].items()))

    result = edited(TWO, reverse)
    assert result.index("# In euros") < result.index("price") < result.index("sku: str  # printed")
    assert sorted(result.splitlines()) == sorted(TWO.splitlines())


def test_renamed_resource_preserves_other_lines() -> None:
    def rename(record: dict[str, Any]) -> None:
        product = record["resources"][0]
        record["resources"][0] = {"name": "article", "was": "product", "fields": product["fields"]}

    result = edited(TWO, rename)
    assert "  - name: article\n    was: product\n" in result
    assert "# In euros, without tax." in result


def test_new_answer_is_placed_in_question_order() -> None:
    record = yaml.safe_load(FOUR)
    new = {"_commit": "v1", "_src_path": "/template", "owner": "me", **record}
    result = merged_record(FOUR.encode(), new).decode()
    assert result == FOUR.replace("project:", "owner: me\nproject:")


def test_answer_to_dropped_question_is_removed() -> None:
    assert edited(FOUR, lambda record: record.pop("features")) == FOUR.replace("features: []\n", "")


@pytest.mark.parametrize(
    "value",
    ["yes", "on: off", "# none", "", "a\nb", None, True, 1, "1", [], {}, ["a"], {"a": {"b": []}}, [["a", "b"], ["c"]]],
    ids=repr,
)
@pytest.mark.parametrize("text", [FOUR, TWO], ids=["four", "two"])
def test_answer_of_any_type_is_written_and_replaced(text: str, value: object) -> None:
    written = edited(text, lambda record: record.update(answer=value))
    assert edited(written, lambda record: record.pop("answer")) == text
    replaced = edited(text, lambda record: record.update(features=value))
    assert "\nfeatures: end\n" in edited(replaced, lambda record: record.update(features="end"))


def test_quotes_and_blank_lines_in_answers_file_are_preserved() -> None:
    text = "_commit: v1\n_src_path: \"/a b\"\nname: 'x'\n\n\nlong: >-\n  two\n  lines\nlast: |\n  text\n"
    assert edited(text, lambda record: record.update(_commit="v2")) == text.replace("v1", "v2")
    assert edited(text, lambda record: record.update(long="short")) == text.replace(">-\n  two\n  lines", "short")


def test_answers_file_line_endings_are_preserved() -> None:
    text = TWO.replace("\n", "\r\n")
    result = merged_record(text.encode(), yaml.safe_load(text) | {"_commit": "v2"})
    assert result == text.replace("_commit: v1", "_commit: v2").encode()


def test_yaml_anchor_is_resolved_if_answers_differ() -> None:
    text = "_commit: v1\none: &x\n  a: 1\ntwo: *x\nother: 1  # said\n"
    result = edited(text, lambda record: record.update(two={"a": 2}))
    assert "other: 1  # said\n" in result


def test_answers_file_in_flow_style_is_rewritten() -> None:
    assert yaml.safe_load(edited('{"_commit": "v1", "a": [1]}', lambda record: record.update(a=[2])))["a"] == [2]
