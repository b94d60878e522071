"""The dependency group `services` contains the requirements of all features."""

from __future__ import annotations

import tomllib

from tests.harness.checks import requirements
from tests.harness.workspace import ROOT


def test_services_dependency_group_has_every_feature_requirement() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    assert {"include-group": "services"} in groups["dev"]
    missing = [f'add     "{line}",' for line in requirements.ALL if line not in groups["services"]]
    surplus = [f'remove  "{line}",' for line in groups["services"] if line not in requirements.ALL]
    assert not missing + surplus, "in the group `services` of pyproject.toml:\n" + "\n".join(missing + surplus)
