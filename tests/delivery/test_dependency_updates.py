"""Dependabot and Renovate update the lockfile; the template's files are left to `copier update`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.harness.delivery.formats import SCHEMAS
from tests.harness.findings import assert_no_findings, format_findings, run
from tests.harness.workspace import ROOT, TEMPLATE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.combinations.services import Service

LOCK = "uv.lock"
ANYTHING = "*"
DEPENDABOT, RENOVATE = ".github/dependabot.yml", ".gitlab/renovate.json"
LOCKING = "lockFileMaintenance"
RECORD = ".copier-answers.yml"  # updated together with the template's files
MANAGED = {"pep621": "pyproject.toml", "copier": RECORD}  # files that Renovate's managers change, besides locks
RECIPE = re.compile(r"^```text\n(?P<config>\{.*?)^```$", re.MULTILINE | re.DOTALL)
UPDATES = {*("major", "minor", "patch", "pin", "pinDigest", "digest", "bump", "replacement", "rollback"), LOCKING}


def by_dependabot(text: str) -> set[str]:
    """Return the files that a Dependabot configuration updates; `*` if unknown."""
    entries = yaml.safe_load(text)["updates"]
    files = {("uv", "lockfile-only"): LOCK}
    return {files.get((each["package-ecosystem"], each.get("versioning-strategy")), ANYTHING) for each in entries}


def is_enabled(config: dict[str, Any], manager: str, update: str) -> bool:
    """Return whether Renovate's configuration enables an update type; the last matching rule wins."""
    applying = [
        rule["enabled"]
        for rule in config.get("packageRules", [])
        if update in rule.get("matchUpdateTypes", UPDATES)
        and manager in rule.get("matchManagers", MANAGED)
        and rule.get("matchPackageNames", ["*"]) == ["*"]
    ]
    return applying[-1] if applying else update != LOCKING or config[LOCKING]["enabled"]


def by_renovate(text: str) -> set[str]:
    config = json.loads(text)
    managers = config.get("enabledManagers", [ANYTHING])
    if not set(managers) <= MANAGED.keys() or "extends" in config:
        return {ANYTHING}
    enabled = [(name, update) for name in managers for update in UPDATES if is_enabled(config, name, update)]
    return {LOCK if (name, update) == ("pep621", LOCKING) else MANAGED[name] for name, update in enabled}


def touched(service: Service) -> set[str]:
    readers = {DEPENDABOT: by_dependabot, RENOVATE: by_renovate}
    present = [path for path in readers if path in service.files]
    return {name for path in present for name in readers[path](service.files[path].content.decode())}


def test_dependency_bots_do_not_update_template_files(services: list[Service]) -> None:
    assert_no_findings(
        format_findings({each.label: sorted(touched(each) & {*each.files, ANYTHING}) for each in services})
    )


def test_dependency_bots_update_only_lockfile(services: list[Service]) -> None:
    assert [each.label for each in services if each.answers["ci"] != "none" and touched(each) != {LOCK}] == []


@pytest.mark.parametrize(
    "entry",
    [
        {"package-ecosystem": "github-actions"},
        {"package-ecosystem": "docker"},
        {"package-ecosystem": "uv", "versioning-strategy": "increase"},
    ],
)
def test_dependabot_config_that_updates_other_files_is_detected(entry: dict[str, str]) -> None:
    assert by_dependabot(yaml.safe_dump({"updates": [entry]})) == {ANYTHING}


NOTHING = {"matchPackageNames": ["*"], "enabled": False}


@pytest.mark.parametrize(
    ("config", "files"),
    [
        ({}, {ANYTHING}),
        ({"enabledManagers": ["pep621", "gitlabci"]}, {ANYTHING}),
        ({"enabledManagers": ["pep621"], "extends": ["config:recommended"]}, {ANYTHING}),
        ({"enabledManagers": ["pep621"], LOCKING: {"enabled": True}}, {LOCK, "pyproject.toml"}),
        ({"enabledManagers": ["pep621"], LOCKING: {"enabled": True}, "packageRules": [NOTHING]}, set()),
    ],
)
def test_files_updated_by_renovate_config_are_detected(config: dict[str, Any], files: set[str]) -> None:
    assert by_renovate(json.dumps(config)) == files


def test_documented_renovate_recipe_adds_only_template_updates(tmp_path: Path) -> None:
    """Compare the recipe in `docs/updating.md` with the template's own configuration."""
    page = RECIPE.search((ROOT / "docs" / "updating.md").read_text(encoding="utf-8"))
    assert page
    recipe, own = json.loads(page["config"]), json.loads((TEMPLATE / RENOVATE).read_text(encoding="utf-8"))
    (tmp_path / "renovate.json").write_text(page["config"], encoding="utf-8")
    assert_no_findings(run("check-jsonschema", *SCHEMAS[f"/{RENOVATE}"], tmp_path / "renovate.json"))
    assert by_renovate(page["config"]) == {LOCK, RECORD}
    assert [rule for rule in recipe["packageRules"] if rule not in own["packageRules"]] == [
        {"matchManagers": ["copier"], "enabled": True}
    ]
