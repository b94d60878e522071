from __future__ import annotations

import re

import pytest
from packaging.requirements import Requirement

from extensions.catalogue import AUTH, FEATURES, Feature, chosen, omitted, with_requirements
from tests.harness.checks import requirements
from tests.harness.checks.requirements import EVERYTHING

NAMES = {feature.name for feature in FEATURES}
# Directories of every service: a feature of the same name would own all of their files.
RESERVED = {"app", "development", "migrations", "tests", "docs", "models", "schemas", "services", "routers", "static"}

every_feature = pytest.mark.parametrize("feature", EVERYTHING, ids=lambda feature: feature.name)


def test_feature_names_are_unique() -> None:
    assert len(NAMES) == len(FEATURES)


@every_feature
def test_feature_name_is_valid_module_name(feature: Feature) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", feature.name)
    assert feature.name not in RESERVED


@every_feature
def test_required_features_exist(feature: Feature) -> None:
    assert set(feature.requires) <= NAMES


@every_feature
def test_requirements_have_lower_bounds(feature: Feature) -> None:
    """Exclude untested versions, which an old lock file could still hold."""
    for line in requirements.of(feature):
        assert any(bound.operator in {">=", "=="} for bound in Requirement(line).specifier), line


@every_feature
def test_requirements_are_sorted(feature: Feature) -> None:
    for part in (feature.runtime, feature.test, feature.lint):
        names = [Requirement(line).name for line in part]
        assert names == sorted(names)


@every_feature
def test_unimported_distributions_are_required(feature: Feature) -> None:
    assert set(feature.unimported) <= {Requirement(line).name for line in feature.runtime}


@every_feature
def test_settings_are_documented_environment_variables(feature: Feature) -> None:
    for setting in feature.settings:
        assert re.fullmatch(r"[A-Z][A-Z0-9_]*", setting.name)
        assert re.fullmatch(r".*\.", setting.meaning), f"{setting.name}: the meaning must be one sentence on one line"


def test_distribution_has_one_version_range() -> None:
    ranges: dict[str, set[str]] = {}
    for feature in EVERYTHING:
        for line in requirements.of(feature):
            ranges.setdefault(Requirement(line).name, set()).add(line)
    assert not {name: lines for name, lines in ranges.items() if len(lines) > 1}


@every_feature
def test_server_address_has_host_and_port(feature: Feature) -> None:
    for server in feature.containers.values():
        for address in (*server.reached_by.values(), *server.tested_by.values()):
            assert f"{{host}}:{server.port}" in address


def test_chosen_feature_adds_required_features(monkeypatch: pytest.MonkeyPatch) -> None:
    features = (Feature(name="a", summary="", requires=("b",)), Feature(name="b", summary="", requires=("c",)))
    monkeypatch.setattr("extensions.catalogue.FEATURES", (*features, Feature(name="c", summary="")))
    assert with_requirements(frozenset({"a"})) == {"a", "b", "c"}
    assert [feature.name for feature in chosen(frozenset({"b"}))] == ["service", "b", "c"]
    assert omitted(frozenset({"b"})) == ["a"]


def test_feature_is_chosen_or_omitted() -> None:
    for name in NAMES:
        included = {feature.name for feature in chosen(frozenset({name}))} - {"service"}
        excluded = set(omitted(frozenset({name})))
        assert included | (excluded & NAMES) == NAMES
        assert included.isdisjoint(excluded)


def test_module_of_two_features_is_kept_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    features = (Feature(name="a", summary="", stems=("x", "y")), Feature(name="b", summary="", stems=("x",)))
    monkeypatch.setattr("extensions.catalogue.FEATURES", features)
    assert omitted(frozenset({"b"})) == ["a", "y"]


def test_modules_of_features_are_not_features() -> None:
    assert NAMES.isdisjoint(stem for feature in EVERYTHING for stem in feature.stems)
    assert set(AUTH.stems) <= set(omitted(frozenset()))
    assert set(AUTH.stems).isdisjoint(omitted(frozenset({"local"})))
