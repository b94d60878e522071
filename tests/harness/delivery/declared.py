"""A service's declared runtime properties, read from its Dockerfile, code and answers, never from manifests."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from extensions.slipway_template.catalogue import DATABASES, chosen
from extensions.slipway_template.plan import parse_answers, plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extensions.slipway_template.catalogue.model import Feature
    from tests.harness.combinations.questions import Answers

VARIABLE = re.compile(r"^(?:# )?([A-Z][A-Z0-9_]*)=", re.MULTILINE)


@dataclass(frozen=True)
class Image:
    """The user and port in the Dockerfile, and the health routes in the code."""

    user: int
    port: int
    probes: frozenset[str]


def image(files: Mapping[str, str]) -> Image:
    dockerfile, health = files["Dockerfile"], files["app/health.py"]
    [prefix] = re.findall(r'^PREFIX = "(.+)"$', health, re.MULTILINE)
    return Image(
        user=int(re.findall(r"^USER (\d+):\1$", dockerfile, re.MULTILINE)[-1]),
        port=int(re.findall(r"^EXPOSE (\d+)$", dockerfile, re.MULTILINE)[-1]),
        probes=frozenset(prefix + path for path in re.findall(r'^@router\.get\("(.+?)"', health, re.MULTILINE)),
    )


@dataclass(frozen=True)
class Declared:
    """The settings, secrets, processes and ports that a service declares."""

    files: Mapping[str, str] = field(repr=False)
    answers: Answers

    @cached_property
    def image(self) -> Image:
        return image(self.files)

    @cached_property
    def features(self) -> list[Feature]:
        return chosen(parse_answers(self.answers)[0])

    @cached_property
    def plan(self) -> dict[str, Any]:
        return plan(self.answers)

    @property
    def settings(self) -> set[str]:
        return set(VARIABLE.findall(self.files[".env.example"]))

    @property
    def secrets(self) -> set[str]:
        return {each.name for feature in self.features for each in feature.settings if each.is_secret}

    @property
    def is_single_file(self) -> bool:
        return any(feature.volumes for feature in self.features if feature in DATABASES)

    @property
    def graces(self) -> dict[str, int]:
        return {process["name"]: process["grace"] for process in self.plan["processes"]}

    @property
    def ports(self) -> dict[str, int]:
        return {name: port for feature in self.features for name, port in feature.listens.items()}


def unless(condition: bool, words: str) -> list[str]:  # noqa: FBT001 - reads as a sentence
    return [] if condition else [words]
