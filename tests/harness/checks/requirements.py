"""The Python requirements of all features in the catalogue, sorted and without duplicates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extensions.slipway_template.catalogue import FEATURES, OF_TYPES, SERVICE

if TYPE_CHECKING:
    from extensions.slipway_template.catalogue.model import Feature

EVERYTHING = (SERVICE, *FEATURES, *OF_TYPES.values())


def of(feature: Feature) -> list[str]:
    return [*feature.runtime, *feature.test, *feature.lint]


ALL = sorted({requirement for feature in EVERYTHING for requirement in of(feature)})
