"""Tests of Prometheus alerts and the Grafana dashboard, which must query exposed metrics."""

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
# Prometheus adds these to each target that it scrapes.
TARGET_METRICS = {"up": {"job", "instance"}}
TARGET_LABELS = {"job", "instance"}

Labels = dict[str, set[str]]


def expressions() -> Iterator[str]:
    """Yield the PromQL expressions of the alerts and of the Grafana dashboard."""
    for group in ALERTS["groups"]:
        for rule in group["rules"]:
            yield rule["expr"]
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield target["expr"].replace("$__rate_interval", "5m")


def queried_metrics(expression: str) -> Labels:
    """Return the metrics that a PromQL expression queries, with their labels."""
    queried: Labels = {}

    def visit(part: promql_parser.Expr) -> bool:
        if isinstance(part, promql_parser.VectorSelector):
            assert part.name
            matched = {matcher.name for matcher in part.matchers.matchers}
            queried.setdefault(part.name, set()).update(matched)
        return True

    promql_parser.walk(promql_parser.parse(expression), visit)
    grouped = {
        label.strip()
        for labels in re.findall(r"\bby \(([^)]*)\)", expression)
        for label in labels.split(",")
    }
    return {name: labels | grouped for name, labels in queried.items()}


def exposed_metrics(registry: CollectorRegistry) -> Labels:
    """Return the metrics that a Prometheus registry exposes, with their labels."""
    exposed: Labels = {}
    for family in registry.collect():
        for sample in family.samples:
            exposed.setdefault(sample.name, set()).update(sample.labels)
    return exposed


@pytest.fixture
async def exposed(monkeypatch: pytest.MonkeyPatch, shared_url: str) -> Labels:
    """Run a service; return the Prometheus metrics and labels that it exposes."""
    _ = shared_url
    monkeypatch.setenv("METRICS_PORT", "0")
    app = sample_resource.create_app()
    async with serving(app) as port, calling(port) as client:
        await client.get(sample_resource.URL)
        pipeline = app.state.observability
        runtime_metrics(pipeline.meter_provider).lag.record(0)
        return TARGET_METRICS | {
            name: labels | TARGET_LABELS
            for name, labels in exposed_metrics(pipeline.registry).items()
        }


async def test_alerts_and_dashboard_query_only_exposed_metrics(exposed: Labels) -> None:
    for expression in expressions():
        for name, labels in queried_metrics(expression).items():
            assert name in exposed, expression
            assert labels <= exposed[name], expression


def test_dashboard_panels_have_unique_titles_and_positions() -> None:
    panels = DASHBOARD["panels"]
    for key in ("id", "title"):
        assert len({panel[key] for panel in panels}) == len(panels)
    positions = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(positions) == len(panels)


def test_alerts_have_severity_summary_and_description() -> None:
    rules = [rule for group in ALERTS["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) > 0
    for rule in rules:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]
