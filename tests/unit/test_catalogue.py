"""Each feature in the catalogue is consistent, and each template path belongs to one feature."""

from __future__ import annotations

import re

import pytest
from packaging.requirements import Requirement

from extensions.slipway_template.catalogue import FEATURES, SERVICE, chosen, with_requirements
from extensions.slipway_template.catalogue.model import Feature
from extensions.slipway_template.footprint import claims, covers, excluded, files, owners
from tests.harness.checks import requirements
from tests.harness.checks.requirements import EVERYTHING
from tests.harness.workspace import ROOT

NAMES = {feature.name for feature in FEATURES}

every_feature = pytest.mark.parametrize("feature", EVERYTHING, ids=lambda feature: feature.name)


def test_feature_names_are_unique() -> None:
    assert len(NAMES) == len(FEATURES)


@every_feature
def test_feature_name_is_valid_module_name(feature: Feature) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", feature.name)


@every_feature
def test_required_features_exist(feature: Feature) -> None:
    assert set(feature.requires) <= NAMES


@every_feature
def test_feature_requirements_have_lower_bounds(feature: Feature) -> None:
    """A lower bound excludes untested versions, which an old lock file could contain."""
    for line in requirements.of(feature):
        assert any(bound.operator in {">=", "=="} for bound in Requirement(line).specifier), line


@every_feature
def test_feature_requirements_are_sorted(feature: Feature) -> None:
    for part in (feature.runtime, feature.test, feature.lint):
        names = [Requirement(line).name for line in part]
        assert names == sorted(names)


@every_feature
def test_distributions_listed_as_unimported_are_required(feature: Feature) -> None:
    assert set(feature.unimported) <= {Requirement(line).name for line in feature.runtime}


@every_feature
def test_feature_settings_are_documented_environment_variables(feature: Feature) -> None:
    for setting in feature.settings:
        assert re.fullmatch(r"[A-Z][A-Z0-9_]*", setting.name)
        assert re.fullmatch(r".*\.", setting.meaning), f"{setting.name}: the meaning must be one sentence on one line"


def test_features_agree_on_distribution_version_range() -> None:
    ranges: dict[str, set[str]] = {}
    for feature in EVERYTHING:
        for line in requirements.of(feature):
            ranges.setdefault(Requirement(line).name, set()).add(line)
    assert not {name: lines for name, lines in ranges.items() if len(lines) > 1}


@every_feature
def test_server_address_in_catalogue_has_host_and_port(feature: Feature) -> None:
    for server in feature.containers.values():
        for address in (*server.reached_by.values(), *server.tested_by.values()):
            assert f"{{host}}:{server.port}" in address


def test_chosen_feature_adds_the_features_it_requires(monkeypatch: pytest.MonkeyPatch) -> None:
    features = (Feature(name="a", summary="", requires=("b",)), Feature(name="b", summary="", requires=("c",)))
    monkeypatch.setattr("extensions.slipway_template.catalogue.FEATURES", (*features, Feature(name="c", summary="")))
    assert with_requirements(frozenset({"a"})) == {"a", "b", "c"}
    assert [feature.name for feature in chosen(frozenset({"b"}))] == ["service", "b", "c"]


# ── Paths ─────────────────────────────────────────────────────────────────────────────────────────


def test_each_template_path_belongs_to_one_feature() -> None:
    innermost = {path: [name for entry, name in claims(path) if entry == claims(path)[0][0]] for path in files()}
    without = [path for path in files() if not claims(path)]
    assert not without, "add each path to `paths` of the feature that owns it"
    assert {path: names for path, names in innermost.items() if len(names) > 1} == {}


@pytest.mark.parametrize("feature", [SERVICE, *FEATURES], ids=lambda feature: feature.name)
def test_paths_listed_by_feature_exist(feature: Feature) -> None:
    assert [entry for entry in feature.paths if not any(covers(entry, path) for path in files())] == []
    assert len(set(feature.paths)) == len(feature.paths)


def test_path_that_no_feature_lists_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    path = "app/errors.py"
    assert claims(path) == [(path, "service")]
    monkeypatch.setattr("extensions.slipway_template.footprint.SERVICE", Feature(name="service", summary=""))
    assert claims(path) == []


def test_path_in_other_feature_directory_requires_both_features() -> None:
    component = "deploy/kubernetes/components/email/network.yaml"
    assert owners()[component] == ("email", "kubernetes")
    assert component not in excluded(["email", "kubernetes"])
    assert "deploy/kubernetes/components/email" in excluded(["sqlite", "kubernetes"])
    assert "deploy" in excluded(["sqlite", "email"])


def test_excluded_directory_is_a_single_exclusion() -> None:
    assert "app/cache" in excluded(["sqlite"])
    assert not [path for path in excluded(["sqlite"]) if path.startswith("app/cache/")]


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_chosen_feature_paths_are_not_excluded(feature: Feature) -> None:
    names = {each.name for each in chosen(frozenset({feature.name}))}
    own = {path for path, needed in owners().items() if needed[:1] == (feature.name,) and names.issuperset(needed)}
    exclusions = excluded([feature.name])
    assert [path for path in own if any(path == entry or path.startswith(f"{entry}/") for entry in exclusions)] == []


@every_feature
def test_command_function_is_defined_in_its_module(feature: Feature) -> None:
    for command in feature.commands:
        path = ROOT / "template" / f"{command.module.replace('.', '/')}.py"
        assert f"async def {command.function or command.name}(" in path.read_text(encoding="utf-8"), command
