"""Alerts and dashboard ask for what the service tells, and for nothing else."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import promql_parser
import pytest
import yaml
from prometheus_client import CollectorRegistry

from app.observability.runtime_metrics import runtime_metrics
from tests.support import sample_resource
from tests.support.live_server import calling, serving

ROOT = Path(__file__).parents[2]
ALERTS = yaml.safe_load((ROOT / "deploy/observability/alerts.yml").read_text(encoding="utf-8"))
DASHBOARD = json.loads((ROOT / "deploy/observability/dashboard.json").read_text("utf-8"))
# What Prometheus adds to everything that it scrapes.
OWN = {"up": {"job", "instance"}}
ADDED = {"job", "instance"}

Told = dict[str, set[str]]


def expressions() -> Iterator[str]:
    """Give every expression of the alerts and of the dashboard; Grafana fills in its variables."""
    for group in ALERTS["groups"]:
        for rule in group["rules"]:
            yield rule["expr"]
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield target["expr"].replace("$__rate_interval", "5m")


def asked(expression: str) -> Told:
    """Parse an expression, and name the metrics that it asks for, with the labels."""
    found: Told = {}

    def visit(part: promql_parser.Expr) -> bool:
        if isinstance(part, promql_parser.VectorSelector):
            assert part.name
            matched = {matcher.name for matcher in part.matchers.matchers}
            found.setdefault(part.name, set()).update(matched)
        return True

    promql_parser.walk(promql_parser.parse(expression), visit)
    grouped = {
        label.strip()
        for labels in re.findall(r"\bby \(([^)]*)\)", expression)
        for label in labels.split(",")
    }
    return {name: labels | grouped for name, labels in found.items()}


def told(registry: CollectorRegistry) -> Told:
    """Name what the service tells Prometheus, with the labels."""
    found: Told = {}
    for family in registry.collect():
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.fixture
async def exposed(monkeypatch: pytest.MonkeyPatch, shared_url: str) -> Told:
    """Run a service until it has told everything once."""
    _ = shared_url
    monkeypatch.setenv("METRICS_PORT", "0")
    made = sample_resource.create_app()
    async with serving(made) as port, calling(port) as client:
        await client.get(sample_resource.URL)
        pipeline = made.state.observability
        runtime_metrics(pipeline.meters).lag.record(0)
        return OWN | {name: labels | ADDED for name, labels in told(pipeline.registry).items()}


async def test_alerts_and_dashboard_ask_for_what_the_service_tells(exposed: Told) -> None:
    for expression in expressions():
        for name, labels in asked(expression).items():
            assert name in exposed, expression
            assert labels <= exposed[name], expression


def test_the_dashboard_s_panels_are_told_apart() -> None:
    panels = DASHBOARD["panels"]
    for key in ("id", "title"):
        assert len({panel[key] for panel in panels}) == len(panels)
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len(panels)


def test_every_alert_says_what_is_wrong_and_what_helps() -> None:
    rules = [rule for group in ALERTS["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) > 0
    for rule in rules:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]
