"""Dependabot and Renovate renew what is the service's own, and leave to `copier update` what is the template's."""

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
RECORD = ".copier-answers.yml"  # with which comes all that the template has
MANAGED = {"pep621": "pyproject.toml", "copier": RECORD}  # what managers of Renovate's change, but for locks
RECIPE = re.compile(r"^```text\n(?P<config>\{.*?)^```$", re.MULTILINE | re.DOTALL)
UPDATES = {*("major", "minor", "patch", "pin", "pinDigest", "digest", "bump", "replacement", "rollback"), LOCKING}


def by_dependabot(text: str) -> set[str]:
    """Name the files that it changes, as far as it is known which those are."""
    entries = yaml.safe_load(text)["updates"]
    known = {("uv", "lockfile-only"): LOCK}
    return {known.get((each["package-ecosystem"], each.get("versioning-strategy")), ANYTHING) for each in entries}


def is_enabled(config: dict[str, Any], manager: str, update: str) -> bool:
    """Say whether Renovate makes such an update of any package: of the rules that apply, the last one decides."""
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
    there = [path for path in readers if path in service.files]
    return {name for path in there for name in readers[path](service.files[path].content.decode())}


def test_what_the_template_owns_is_left_alone(services: list[Service]) -> None:
    assert_no_findings(
        format_findings({each.label: sorted(touched(each) & {*each.files, ANYTHING}) for each in services})
    )


def test_the_lock_is_kept_fresh(services: list[Service]) -> None:
    assert [each.label for each in services if each.answers["ci"] != "none" and touched(each) != {LOCK}] == []


@pytest.mark.parametrize(
    "entry",
    [
        {"package-ecosystem": "github-actions"},
        {"package-ecosystem": "docker"},
        {"package-ecosystem": "uv", "versioning-strategy": "increase"},
    ],
)
def test_what_dependabot_would_change_is_seen(entry: dict[str, str]) -> None:
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
def test_what_renovate_would_change_is_seen(config: dict[str, Any], files: set[str]) -> None:
    assert by_renovate(json.dumps(config)) == files


def test_renovate_can_be_told_to_follow_the_template(tmp_path: Path) -> None:
    """As `docs/updating.md` says, and to renew nothing besides that it did not renew before."""
    page = RECIPE.search((ROOT / "docs" / "updating.md").read_text(encoding="utf-8"))
    assert page
    recipe, own = json.loads(page["config"]), json.loads((TEMPLATE / RENOVATE).read_text(encoding="utf-8"))
    (tmp_path / "renovate.json").write_text(page["config"], encoding="utf-8")
    assert_no_findings(run("check-jsonschema", *SCHEMAS[f"/{RENOVATE}"], tmp_path / "renovate.json"))
    assert by_renovate(page["config"]) == {LOCK, RECORD}
    assert [rule for rule in recipe["packageRules"] if rule not in own["packageRules"]] == [
        {"matchManagers": ["copier"], "enabled": True}
    ]
