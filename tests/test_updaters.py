"""Dependabot and Renovate renew what is the service's own, and leave to `copier update` what is the template's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.harness.findings import expect_none, listed

if TYPE_CHECKING:
    from tests.harness.services import Service

LOCK = "uv.lock"
ANYTHING = "*"
DEPENDABOT, RENOVATE = ".github/dependabot.yml", ".gitlab/renovate.json"
LOCKING = "lockFileMaintenance"
UPDATES = {*("major", "minor", "patch", "pin", "pinDigest", "digest", "bump", "replacement", "rollback"), LOCKING}


def by_dependabot(text: str) -> set[str]:
    """Name the files that it changes, as far as it is known which those are."""
    entries = yaml.safe_load(text)["updates"]
    known = {("uv", "lockfile-only"): LOCK}
    return {known.get((each["package-ecosystem"], each.get("versioning-strategy")), ANYTHING) for each in entries}


def is_enabled(config: dict[str, Any], update: str) -> bool:
    """Say whether Renovate makes such an update of any package: of the rules that apply, the last one decides."""
    applying = [
        rule["enabled"]
        for rule in config.get("packageRules", [])
        if update in rule.get("matchUpdateTypes", UPDATES) and rule.get("matchPackageNames", ["*"]) == ["*"]
    ]
    return applying[-1] if applying else update != LOCKING or config[LOCKING]["enabled"]


def by_renovate(text: str) -> set[str]:
    config = json.loads(text)
    if config.get("enabledManagers") != ["pep621"] or "extends" in config:
        return {ANYTHING}
    return {LOCK if update == LOCKING else "pyproject.toml" for update in UPDATES if is_enabled(config, update)}


def touched(service: Service) -> set[str]:
    readers = {DEPENDABOT: by_dependabot, RENOVATE: by_renovate}
    there = [path for path in readers if path in service.files]
    return {name for path in there for name in readers[path](service.files[path].content.decode())}


def test_what_the_template_owns_is_left_alone(services: list[Service]) -> None:
    expect_none(listed({each.label: sorted(touched(each) & {*each.files, ANYTHING}) for each in services}))


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
