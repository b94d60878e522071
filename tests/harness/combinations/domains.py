"""The domains of rendered services: the sample of `copier.yml`, every example, and an empty domain."""

from __future__ import annotations

from typing import Any

import yaml

from extensions.slipway_template.answers import questions
from tests.harness.workspace import ROOT

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


def domain_name(domain: Domain) -> str:
    """Return the name of a sample, example or empty domain."""
    return next(name for name, known in DOMAINS.items() if known == domain)


FIELDS: dict[str, Any] = {
    "code": {"type": "str", "max_length": 20, "unique": True},
    "title": {"type": "str", "min_length": 1},
    "body": "text?",
    "amount": "int",
    "total_count": "bigint?",
    "weight": {"type": "float", "ge": 0},
    "price": {"type": "decimal", "ge": 0},
    "discount": {"type": "decimal", "ge": 0, "le": 1, "max_digits": 3, "decimal_places": 2, "default": 0},
    "active": {"type": "bool", "default": True},
    "starts_on": "date",
    "ends_on": "date?",
    "seen_at": "datetime?",
    "opens_at": "time?",
    "token": "uuid",
    "extras": {"type": "json", "default": {}},
    "status": {"type": "enum", "values": ["draft", "live", "retired"], "default": "draft"},
    "kind": {"type": "enum", "values": ["small", "large"]},
    "contact": "email?",
    "homepage": "url?",
}


def large_domain(number: int) -> Domain:
    """Return a domain of `number` resources with twenty fields, each with a reference to the previous one."""
    names = [f"thing_{place}" for place in range(number)]
    return [
        {
            "name": name,
            "fields": FIELDS | {"parent": {"type": "ref", "to": names[max(0, place - 1)], "optional": place == 0}},
        }
        for place, name in enumerate(names)
    ]
