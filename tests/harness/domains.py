"""The domains that services are rendered with: the sample of `copier.yml`, every example, and none at all."""

from __future__ import annotations

from typing import Any

import yaml

from extensions.plan import questions
from tests.harness.scratch import ROOT

Domain = list[dict[str, Any]]

SAMPLE: Domain = yaml.safe_load(questions()["resources"]["default"])
EXAMPLES: dict[str, dict[str, Any]] = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "examples").glob("*.yml"))
}
DOMAINS: dict[str, Domain] = {
    "sample": SAMPLE,
    **{name: answers["resources"] for name, answers in EXAMPLES.items()},
    "empty": [],
}


def name_of(domain: Domain) -> str:
    """Name a domain in one word."""
    return next(name for name, known in DOMAINS.items() if known == domain)
