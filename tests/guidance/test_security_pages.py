"""Every test that the pages about security name exists in the services."""

from __future__ import annotations

import re

import pytest

from tests.harness.workspace import ROOT

TESTS = ROOT / "template" / "tests"
REFERENCE = re.compile(r"`([\w/]*test_\w+\.py)::(test_\w+)`")


def is_defined(module: str, test: str) -> bool:
    """Return whether a module of the template's tests, or its Jinja template, defines a test."""
    texts = [path.read_text(encoding="utf-8") for path in (TESTS / module, TESTS / f"{module}.jinja") if path.exists()]
    return any(f"def {test}(" in text for text in texts)


@pytest.mark.parametrize("page", ["security.md", "asvs.md"])
def test_tests_named_on_security_page_exist(page: str) -> None:
    references = REFERENCE.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))
    assert len(references) > 50
    assert not [f"{module}::{test}" for module, test in references if not is_defined(module, test)]


def test_unknown_test_is_not_defined() -> None:
    assert not is_defined("auth/test_role.py", "test_unknown")
