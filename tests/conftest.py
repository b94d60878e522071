"""What the tests share: the template, every service that it gives, and the checks that one service passes for many."""

from __future__ import annotations

import os
import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeGuard

import pytest

from tests.harness import rendering, scratch
from tests.harness.combinations import COMBINATIONS
from tests.harness.files import Files
from tests.harness.services import Service
from tests.harness.verdicts import SUITE, Verdicts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


CONTRACTS = "test_contracts.py"  # takes minutes, and asks for nothing but its own name


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, help="draw the samples of an earlier run again")


def pytest_configure(config: pytest.Config) -> None:
    if config.option.seed is None:
        config.option.seed = random.randrange(10**6)  # noqa: S311 - samples, not secrets


def needs_suites(item: pytest.Item) -> TypeGuard[pytest.Function]:
    return isinstance(item, pytest.Function) and "suites" in item.fixturenames


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Ask for the services' own verdicts in the end, when they are there; break services only when told to."""
    left_out = [item for item in items if item.path.name == CONTRACTS and CONTRACTS not in "".join(config.args)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = sorted((item for item in items if item not in left_out), key=needs_suites)


def pytest_report_header(config: pytest.Config) -> str:
    return f"{len(COMBINATIONS)} combinations; draw the same samples again with --seed={config.option.seed}"


@pytest.fixture(scope="session")
def workspace() -> Iterator[Path]:
    """A directory for the run, in which neither Git nor Copier knows who runs it, and Copier remembers."""
    with scratch.workspace() as directory, scratch.isolation(directory), rendering.memory():
        yield directory


@pytest.fixture(scope="session")
def template(workspace: Path) -> Path:
    """The template under test, with an earlier release; not to be changed."""
    directory = workspace / "template"
    scratch.release(directory)
    return directory


@pytest.fixture(scope="session")
def serve(workspace: Path, template: Path) -> Callable[[str], Service]:
    """Render a combination by its label, once."""
    rendered: dict[str, Service] = {}

    def service(label: str) -> Service:
        if label not in rendered:
            directory = workspace / "services" / label
            rendering.render(template, directory, COMBINATIONS[label])
            rendered[label] = Service(label, directory, rendering.tree(directory))
        return rendered[label]

    return service


@pytest.fixture(params=COMBINATIONS)
def service(request: pytest.FixtureRequest, serve: Callable[[str], Service]) -> Service:
    """The service of each combination in turn."""
    return serve(request.param)


@pytest.fixture(scope="session")
def files(serve: Callable[[str], Service]) -> Files:
    """Every distinct file of all services."""
    return Files(map(serve, COMBINATIONS))


@pytest.fixture(scope="session")
def verdicts(workspace: Path) -> Iterator[Verdicts]:
    """The verdicts of quick checks, one at a time."""
    with ThreadPoolExecutor(1) as executor:
        yield Verdicts(workspace / "code", executor)


@pytest.fixture(scope="session")
def suites(request: pytest.FixtureRequest, workspace: Path, serve: Callable[[str], Service]) -> Iterator[Verdicts]:
    """The verdicts of the services' own tests, all of which begin at once, in the background."""
    with ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1)) as executor:
        verdicts = Verdicts(workspace / "suites", executor)
        for item in filter(needs_suites, request.session.items):
            verdicts.begin(serve(str(item.callspec.params["service"])), SUITE)
        yield verdicts
        executor.shutdown(cancel_futures=True)


@pytest.fixture(scope="session", autouse=True)
def begin_suites(request: pytest.FixtureRequest) -> None:
    """Begin the services' own tests before all others, for they take longest."""
    if any(map(needs_suites, request.session.items)):
        request.getfixturevalue("suites")


@pytest.fixture
def empty(workspace: Path) -> Iterator[Path]:
    """A path for one test, at which there is nothing yet."""
    directory = workspace / "empty"
    yield directory
    shutil.rmtree(directory, ignore_errors=True)
