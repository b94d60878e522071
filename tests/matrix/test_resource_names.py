"""Resources named like identifiers in resource modules pass lint and types."""

from __future__ import annotations

import ast
import random
import re
from typing import TYPE_CHECKING, Any

import pytest

from extensions.slipway_template.language.parsing import RESOURCES, domain_problem
from extensions.slipway_template.language.plurals import plural_of
from extensions.slipway_template.language.reserved import BUILTIN_CLASSES, BUILTINS
from tests.harness.checks.checks import CODE
from tests.harness.combinations.domains import EXAMPLES
from tests.harness.combinations.questions import all_questions
from tests.harness.combinations.rendering import render, tree
from tests.harness.combinations.services import Service
from tests.harness.findings import assert_no_findings, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.harness.checks.progress import Meter
    from tests.harness.checks.runner import CheckRunner
    from tests.harness.combinations.domains import Domain
    from tests.harness.combinations.questions import Answers

pytestmark = pytest.mark.thorough

SAMPLE = 150  # of some 1,300 names
OF_RESOURCES = re.compile(r"(app/(models|routers|schemas|services)|tests/factories)/\w+\.py|tests/test_\w+\.py")


def bound_names(node: ast.AST) -> Iterator[str]:
    """Yield the name that a syntax node uses or binds."""
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.alias):
        yield node.asname or node.name.rpartition(".")[2]
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name


def snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def identifiers(service: Service) -> set[str]:
    """Return the identifiers in a service's resource modules that are valid resource names."""
    stems = {resource["name"] for resource in service.answers["resources"]}
    modules = [
        file.content
        for path, file in service.files.items()
        if OF_RESOURCES.fullmatch(path) and path.rpartition("/")[2].removeprefix("test_").removesuffix(".py") in stems
    ]
    names = {name for module in modules for node in ast.walk(ast.parse(module)) for name in bound_names(node)}
    found = {snake_case(name) for name in names} - {f"test_{stem}" for stem in stems}
    return {name for name in found if not domain_problem([resource(name, "")])}


def resource(name: str, previous: str) -> dict[str, Any]:
    """Return a resource, with a reference to another resource unless `previous` is empty."""
    link = {"previous": {"type": "ref", "to": previous, "optional": True, "unique": True}} if previous else {}
    kind = {"type": "enum", "values": ["a", "b"]}
    fields = {"title": "str", "kind": kind, "amount": "decimal?"} | link
    return {"name": name, "plural": plural_of(name), "fields": fields}


def domains_of(names: list[str]) -> list[Domain]:
    """Return domains of resources with the given names; each references the previous one."""
    found: list[Domain] = [[]]
    for name in names:
        previous = found[-1][-1]["name"] if found[-1] else ""
        longer = [*found[-1], resource(name, previous) | {"owner": len(found[-1]) % 2 == 1}]
        if len(longer) > RESOURCES or domain_problem(longer):
            found.append([resource(name, "")])
        else:
            found[-1] = longer
    return found


@pytest.fixture(scope="module")
def named_services(
    pytestconfig: pytest.Config, serve: Callable[[Answers], Service], template: Path, workspace: Path
) -> list[Service]:
    """Render services whose resources are named like random identifiers of resource modules or of Python."""
    examples = [serve({"resources": each["resources"], "auth": "local"}) for each in EXAMPLES.values()]
    examples.append(serve({"resources": EXAMPLES["shop"]["resources"], "auth": "none"}))
    python = {
        name for name in BUILTINS | set(map(snake_case, BUILTIN_CLASSES)) if not domain_problem([resource(name, "")])
    }
    names = sorted(python.union(*map(identifiers, examples)))
    drawn = random.Random(pytestconfig.option.seed).sample(names, min(SAMPLE, len(names)))  # noqa: S311 - no secret
    services = []
    for number, domain in enumerate(domains_of(drawn)):
        answers = all_questions().default | {"resources": domain, "database": "sqlite", "auth": "local"}
        directory = workspace / "names" / str(number)
        render(template, directory, answers)
        services.append(Service(f"names-{number}", answers, directory, tree(directory)))
    return services


@pytest.mark.parametrize("command", [("check",), ("format", "--check")], ids=" ".join)
def test_resources_named_like_identifiers_pass_linter(command: tuple[str, ...], named_services: list[Service]) -> None:
    assert len(named_services) > 2
    for service in named_services:
        assert_no_findings(run("ruff", *command, "--quiet", "--no-cache", service.directory))


def test_resources_named_like_identifiers_pass_mypy(
    named_services: list[Service], runner: CheckRunner, show: Callable[[str], Meter]
) -> None:
    meter = show("Checking types")
    for service in named_services:
        runner.submit(service, CODE[0])
    results = [runner.result(service, CODE[0], meter) for service in named_services]
    assert_no_findings("\n".join(each.output[-3000:] for each in results if not each.passed))
