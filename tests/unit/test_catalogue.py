from __future__ import annotations

import re

import pytest
from packaging.requirements import Requirement

from extensions.catalogue import AUTH, FEATURES, Feature, chosen, omitted, with_requirements
from tests.harness.checks import requirements
from tests.harness.checks.requirements import EVERYTHING

NAMES = {feature.name for feature in FEATURES}
# Directories of every service; a feature of this name would own all that lies in them.
TAKEN = {"app", "development", "migrations", "tests", "docs", "models", "schemas", "services", "routers", "static"}

every_feature = pytest.mark.parametrize("feature", EVERYTHING, ids=lambda feature: feature.name)


def test_names_differ() -> None:
    assert len(NAMES) == len(FEATURES)


@every_feature
def test_a_name_can_be_a_path_and_a_module(feature: Feature) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", feature.name)
    assert feature.name not in TAKEN


@every_feature
def test_what_is_required_exists(feature: Feature) -> None:
    assert set(feature.requires) <= NAMES


@every_feature
def test_requirements_are_sound(feature: Feature) -> None:
    """A requirement has a lower bound, so that an old lock cannot bring what was never tested."""
    for line in requirements.of(feature):
        assert any(bound.operator in {">=", "=="} for bound in Requirement(line).specifier), line


@every_feature
def test_requirements_are_sorted(feature: Feature) -> None:
    for part in (feature.runtime, feature.test, feature.lint):
        names = [Requirement(line).name for line in part]
        assert names == sorted(names)


@every_feature
def test_what_nobody_imports_is_required(feature: Feature) -> None:
    assert set(feature.unimported) <= {Requirement(line).name for line in feature.runtime}


@every_feature
def test_settings_are_variables_with_a_meaning(feature: Feature) -> None:
    for setting in feature.settings:
        assert re.fullmatch(r"[A-Z][A-Z0-9_]*", setting.name)
        assert re.fullmatch(r".*\.", setting.meaning), f"{setting.name}: its meaning is a sentence, on one line"


def test_one_requirement_is_not_bounded_in_two_ways() -> None:
    bounds: dict[str, set[str]] = {}
    for feature in EVERYTHING:
        for line in requirements.of(feature):
            bounds.setdefault(Requirement(line).name, set()).add(line)
    assert not {name: lines for name, lines in bounds.items() if len(lines) > 1}


@every_feature
def test_a_server_is_reached_by_its_own_name(feature: Feature) -> None:
    for server in feature.containers.values():
        for address in (*server.reached_by.values(), *server.tested_by.values()):
            assert f"{{host}}:{server.port}" in address


def test_a_feature_brings_what_it_requires(monkeypatch: pytest.MonkeyPatch) -> None:
    features = (Feature(name="a", summary="", requires=("b",)), Feature(name="b", summary="", requires=("c",)))
    monkeypatch.setattr("extensions.catalogue.FEATURES", (*features, Feature(name="c", summary="")))
    assert with_requirements(frozenset({"a"})) == {"a", "b", "c"}
    assert [feature.name for feature in chosen(frozenset({"b"}))] == ["service", "b", "c"]
    assert omitted(frozenset({"b"})) == ["a"]


def test_a_feature_is_either_chosen_or_omitted() -> None:
    for name in NAMES:
        kept = {feature.name for feature in chosen(frozenset({name}))} - {"service"}
        left = set(omitted(frozenset({name})))
        assert kept | (left & NAMES) == NAMES
        assert kept.isdisjoint(left)


def test_a_module_is_the_own_of_one_feature() -> None:
    stems = [stem for feature in EVERYTHING for stem in feature.stems]
    assert sorted(stems) == sorted(set(stems) - NAMES)
    assert set(AUTH.stems) <= set(omitted(frozenset()))
    assert set(AUTH.stems).isdisjoint(omitted(frozenset({"local"})))
