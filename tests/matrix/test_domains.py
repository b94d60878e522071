"""Services of random domains pass their checks.

Domains are drawn at random (`--domains`, `--seed`). Those of `tests/corpus`, which failed once, are one domain here.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import replace
from itertools import count
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings

from extensions.slipway_template.answers import auth_problem
from extensions.slipway_template.language.parsing import RESOURCES, domain_problem, read_domain
from extensions.slipway_template.language.reserved import IMPORTED
from tests.harness.checks.checks import BUILT, CODE, QUICK, REQUESTS
from tests.harness.combinations.copier_cli import copier, copy_arguments
from tests.harness.combinations.domains import DOMAINS, large_domain
from tests.harness.combinations.questions import all_questions
from tests.harness.combinations.rendering import render, tree
from tests.harness.combinations.services import Service
from tests.harness.combinations.strategies import MISTAKES, domains
from tests.harness.findings import assert_no_findings, run
from tests.harness.workspace import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.harness.checks.checks import Check
    from tests.harness.checks.progress import Meter
    from tests.harness.checks.runner import CheckRunner
    from tests.harness.combinations.domains import Domain
    from tests.harness.combinations.questions import Answers

pytestmark = pytest.mark.thorough

# Modules of tests that depend on the domain, besides those of its resources; the others are equal in every service.
OF_ANY_DOMAIN = (
    "tests/api/test_export.py",
    "tests/api/test_filtering.py",
    "tests/api/test_openapi.py",
    "tests/api/test_schemas.py",
    "tests/architecture/test_access_policies.py",
    "tests/architecture/test_architecture.py",
    "tests/auth/test_ownership.py",
    "tests/database/test_migrations.py",
    "tests/development/test_seeds.py",
)
CORPUS = [
    resource
    for path in sorted((ROOT / "tests/corpus").iterdir())
    for resource in yaml.safe_load(path.read_text(encoding="utf-8"))
]
DATABASES = ("postgresql", "sqlite")
BY_ADMIN = replace(REQUESTS, command="pytest -q -k random_admin_requests_cause_no_500")


def random_domains(number: int, start: int) -> list[Domain]:
    """Return random domains, reproducible by a seed."""
    drawn_domains: list[Domain] = []

    @seed(start)
    @settings(
        max_examples=number,
        phases=[Phase.generate],
        database=None,
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    @given(domains)
    def collect(domain: Domain) -> None:
        drawn_domains.append(domain)

    collect()
    return drawn_domains


def choose_auth(domain: Domain, number: int) -> str:
    """Return one of the kinds of authentication that can restrict the readers of a domain as it declares."""
    restricted = any(resource.get("owner") or resource.get("read", "public") != "public" for resource in domain)
    kinds = ("local", "oidc") if restricted else ("none", "local", "oidc")
    return kinds[number // len(DATABASES) % len(kinds)]


@pytest.fixture(scope="session")
def random_services(
    request: pytest.FixtureRequest, template: Path, workspace: Path, show: Callable[[str], Meter]
) -> list[Service]:
    """Render services of the corpus domain on each database, and of random domains.

    Their checks are started at once if the test is selected that waits for the results, which is among the last.
    """
    pytestconfig = request.config
    random = random_domains(pytestconfig.option.domains, pytestconfig.option.seed)
    from_corpus = [(f"corpus-{database}", CORPUS, database) for database in DATABASES]
    drawn = [(f"random-{number}", domain, DATABASES[number % 2]) for number, domain in enumerate(random)]
    numbers = count()
    meter = show("Rendering domains")
    services = []
    with meter.shown():
        for name, domain, database in meter.each(from_corpus + drawn, len(from_corpus + drawn)):
            changed = {"resources": domain, "database": database, "auth": choose_auth(domain, next(numbers))}
            answers = all_questions().default | changed
            directory = workspace / "domains" / name
            render(template, directory, answers)
            services.append(Service(name, answers, directory, tree(directory)))
    if any(item.get_closest_marker("awaits") for item in request.session.items):
        runner = request.getfixturevalue("runner")
        for service in services:
            for check in checks(service):
                runner.submit(service, check)
    return services


@pytest.mark.parametrize("command", ["check", "format --check"])
def test_random_domain_service_passes_linter(command: str, random_services: list[Service]) -> None:
    directories = [str(service.directory) for service in random_services]
    run = subprocess.run(
        [sys.executable, "-m", "ruff", *command.split(), "--quiet", "--no-cache", *directories],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_large_domain_service_passes_linter(template: Path, empty: Path) -> None:
    """The domain has fifty resources of twenty fields, each with a reference to the previous one."""
    render(template, empty, all_questions().default | {"resources": large_domain(RESOURCES)})
    for command in ("check", "format --check"):
        assert_no_findings(run("ruff", *command.split(), "--quiet", "--no-cache", empty))


def domain_tests(service: Service) -> Check:
    """Return a check that runs only the tests that depend on the domain."""
    own = [f"tests/test_{resource.name}.py" for resource in read_domain(service.answers["resources"])]
    modules = [path for path in (*own, *OF_ANY_DOMAIN) if path in service.files]
    return replace(QUICK, name="tests of resources", command=f"pytest -q -m 'not drill' {' '.join(modules)}")


def checks(service: Service) -> list[Check]:
    """Return the checks of a service: the whole suite for a random domain, a part for the corpus.

    Random requests do not depend on the database, and take minutes for the corpus: only one of its services runs them,
    with the rights of an administrator.
    """
    if service.answers["resources"] != CORPUS:
        return [BUILT, CODE[0], QUICK, REQUESTS]
    requests = [BY_ADMIN] if service.answers["database"] == DATABASES[0] else []
    return [BUILT, CODE[0], domain_tests(service), *requests]


@pytest.mark.awaits
def test_random_domain_service_passes_checks(
    random_services: list[Service], runner: CheckRunner, show: Callable[[str], Meter]
) -> None:
    meter = show("Checking domains")
    results = [runner.result(service, check, meter) for service in random_services for check in checks(service)]
    failed = [
        f"{each.service.label}: {each.service.answers['resources']}\n{each.output[-6000:]}\n{each.reproduce}"
        for each in results
        if not each.passed
    ]
    assert not failed, f"{len(failed)} failed; add the domain to tests/corpus\n" + "\n\n".join(failed[:5])


def imported_classes(service: Service) -> set[str]:
    """Return the names of the classes that resource modules import from other modules."""
    stems = {resource["name"] for resource in service.answers["resources"]}
    modules = [file for path, file in service.files.items() if PurePosixPath(path).stem.removeprefix("test_") in stems]
    imports = [
        node
        for module in modules
        for node in ast.walk(ast.parse(module.content))
        if isinstance(node, ast.ImportFrom) and str(node.module).rsplit(".", 1)[-1] not in stems
    ]
    return {
        alias.name for node in imports for alias in node.names if alias.name[0].isupper() and not alias.name.isupper()
    }


def test_class_names_imported_by_resource_modules_are_reserved(serve: Callable[[Answers], Service]) -> None:
    answers = [{"resources": domain, "auth": auth} for domain in DOMAINS.values() for auth in ("none", "local")]
    answers = [each for each in answers if not auth_problem(each["auth"], each["resources"])]
    used = set().union(*(imported_classes(serve(each)) for each in answers))
    keywords = {"False", "None", "True"}
    acronyms = {"APIRouter", "FastAPI", "HTTPStatus"}  # no resource has such a class name
    assert used - acronyms == IMPORTED - keywords


@pytest.mark.parametrize(
    ("make_mistake", "about"), MISTAKES[::10], ids=[str(number) for number in range(0, len(MISTAKES), 10)]
)
def test_invalid_domain_is_rejected_in_one_line(
    make_mistake: Callable[[dict[str, Any]], None], about: str, template: Path, empty: Path, tmp_path: Path
) -> None:
    resource: dict[str, Any] = {"name": "thing", "fields": {"title": "str"}}
    make_mistake(resource)
    answers = tmp_path / "domain.yml"
    answers.write_text(yaml.safe_dump({"resources": [resource]}), encoding="utf-8")
    run = copier(*copy_arguments(template, empty, "--quiet", "--data-file", str(answers)))
    (message,) = run.stderr.strip().splitlines()
    assert run.returncode != 0
    assert message == f"resources: {domain_problem([resource])}"
    assert about in message
    assert not empty.exists()
