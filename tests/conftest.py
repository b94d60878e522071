"""What the tests share: the template, every service that it gives, and the checks that one service passes for many."""

from __future__ import annotations

import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests import rendering, scratch
from tests.combinations import COMBINATIONS
from tests.files import Files
from tests.services import Service
from tests.test_every_service import SUITE
from tests.verdicts import Verdicts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, help="draw the samples of an earlier run again")


def pytest_configure(config: pytest.Config) -> None:
    if config.option.seed is None:
        config.option.seed = random.randrange(10**6)  # noqa: S311 - samples, not secrets


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
    """The verdicts of the services' own tests: all that were asked for, two at a time."""
    with ThreadPoolExecutor(2) as executor:
        verdicts = Verdicts(workspace / "suites", executor)
        for item in request.session.items:
            if isinstance(item, pytest.Function) and "suites" in item.fixturenames:
                verdicts.begin(serve(item.callspec.params["service"]), SUITE)
        yield verdicts
        executor.shutdown(cancel_futures=True)


@pytest.fixture
def empty(workspace: Path) -> Iterator[Path]:
    """A path for one test, at which there is nothing yet."""
    directory = workspace / "empty"
    yield directory
    shutil.rmtree(directory, ignore_errors=True)
