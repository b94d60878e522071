"""Shared fixtures: the template, its rendered services, and the check runner."""

from __future__ import annotations

import random
import shutil
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from tests.harness import workspace as scratch
from tests.harness.checks.checks import Check
from tests.harness.checks.progress import Meter
from tests.harness.checks.report import REPORT, Report
from tests.harness.checks.runner import CheckRunner, ResultCache
from tests.harness.checks.servers import Servers
from tests.harness.checks.shards import is_due, shard
from tests.harness.combinations import rendering
from tests.harness.combinations.blobs import Store
from tests.harness.combinations.files import Files
from tests.harness.combinations.questions import OPEN, all_questions, code_questions
from tests.harness.combinations.recorder import recording
from tests.harness.combinations.render_all import Renderer, render_all
from tests.harness.combinations.services import Service, rendered_services
from tests.harness.updates.releases import build_history
from tests.harness.workspace import CACHE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.harness.combinations.matrix import Matrix
    from tests.harness.combinations.questions import Answers

# Tests marked `thorough` are run only with these matrices, or when their module is named.
LARGE = ("pairs", "triples", "all", "product")
BY_NAME = ("test_mutants.py", "test_promises.py")  # run only when named, as CI does in jobs of their own
BUSY = ("test_every_update.py",)
STARTED = pytest.StashKey[float]()
STRENGTHS = {"each": 1, "pairs": 2, "triples": 3}


def pytest_addoption(parser: pytest.Parser) -> None:
    options = parser.getgroup("matrix")
    options.addoption(
        "--matrix",
        choices=["each", *LARGE],
        default="each",
        help="services whose checks are run: a covering array of single answers, of pairs or of triples, or all; "
        "from pairs on, every service is built and thorough tests are run; product also renders every combination "
        "completely",
    )
    options.addoption("--fresh", action="store_true", help="ignore cached results of earlier runs")
    options.addoption("--seed", type=int, help="seed of random samples, to repeat those of an earlier run")
    options.addoption("--order", type=int, default=this_week(), help="seed of the order of the services' tests")
    options.addoption("--picture", type=Path, default=CACHE / "matrix.svg", help="path of the picture of the matrix")
    options.addoption("--domains", type=int, default=2, metavar="N", help="number of random domains to test")
    options.addoption("--images", action="store_true", help="fail instead of skip if images cannot be built and run")
    options.addoption("--drill", action="store_true", help="fail instead of skip if the drill cannot run")
    options.addoption("--mutants", type=int, default=60, metavar="N", help="number of mutants to sample")
    options.addoption(
        "--mutants-of", default="", metavar="NAMES", help="features, directories or files to sample mutants of"
    )
    options.addoption("--shard", type=shard, default="1/1", metavar="K/N", help="run the K-th of N parts")


def pytest_configure(config: pytest.Config) -> None:
    if config.option.seed is None:
        config.option.seed = random.randrange(10**6)  # noqa: S311 - samples, not secrets
    config.stash[REPORT] = Report()
    config.stash[STARTED] = time.time()


def this_week() -> int:
    """Return the ISO week, such as 202648, as the seed of the test order, so that cached passes last a week."""
    year, week, _ = datetime.now(UTC).isocalendar()
    return year * 100 + week


def pytest_report_header(config: pytest.Config) -> str:
    number = sum(1 for _ in all_questions().combinations())
    return (
        f"{number} combinations; repeat the same samples with --seed={config.option.seed}, "
        f"and the same order of the services' tests with --order={config.option.order}"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the report of the run, and write the picture of the matrix as SVG."""
    report = config.stash[REPORT]
    seconds = time.time() - config.stash[STARTED]
    for line in report.lines(seconds):
        terminalreporter.write_line(line)
    if report.runner:
        config.option.picture.parent.mkdir(exist_ok=True)
        config.option.picture.write_text(report.picture(seconds), encoding="utf-8")
        terminalreporter.write_line(f"The matrix: {config.option.picture}")


def checked_combinations(config: pytest.Config) -> list[Answers]:
    """Return the answers to code questions for which a service is rendered and checked."""
    strength = STRENGTHS.get(config.option.matrix)
    return code_questions().covering(strength) if strength else list(code_questions().combinations())


def built_combinations(config: pytest.Config) -> list[Answers]:
    """Return the answers for which the application is built: all with a large matrix, else the checked ones."""
    return list(code_questions().combinations()) if config.option.matrix in LARGE else checked_combinations(config)


def few_combinations() -> list[Answers]:
    """Return a pairwise covering array of all questions, and one of the questions that decide code."""
    few = [*code_questions().covering(1), *all_questions().covering(2)]
    return list({all_questions().label(answers): answers for answers in few}.values())


def surveyed_combinations(session: pytest.Session) -> Iterable[Answers]:
    """Return the combinations to render: all with a large matrix or for a thorough test, otherwise a few."""
    thorough = (item for item in session.items if item.get_closest_marker("thorough"))
    needed = any("matrix" in item.fixturenames for item in thorough if isinstance(item, pytest.Function))
    large = session.config.option.matrix in LARGE
    return all_questions().combinations() if large or needed else few_combinations()


def example_combinations(_: pytest.Config) -> list[Answers]:
    """Return one combination of answers for each example domain; the sample domain is excluded."""
    questionnaire = code_questions()
    return [
        answers
        for answers in questionnaire.covering(2)
        if any(answers[name] != questionnaire.default[name] for name in OPEN)
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize each test by the services that its fixtures request."""
    parameters = {
        "service": (code_questions(), checked_combinations),
        "every": (code_questions(), built_combinations),
        "example": (code_questions(), example_combinations),
        "each": (code_questions(), lambda _: code_questions().covering(1)),
        "combination": (all_questions(), lambda _: all_questions().covering(2)),
    }
    for name in parameters.keys() & set(metafunc.fixturenames):
        assert name not in vars(metafunc.module), f"{metafunc.module.__name__} redefines {name}"
        questionnaire, choose = parameters[name]
        answers = choose(metafunc.config)
        metafunc.parametrize(name, answers, indirect=True, ids=map(questionnaire.label, answers))


@dataclass(frozen=True)
class Case:
    """A check such as pytest or mypy, and the answers of the service on which it runs."""

    check: Check
    answers: Answers

    @property
    def label(self) -> str:
        return code_questions().label(self.answers)


def case(item: pytest.Item) -> Case | None:
    """Return the check and the service that a test is parametrized with; None if the test checks no service."""
    params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    answers = params.get("service") or params.get("every") or params.get("example")
    check = params.get("check")
    uses_runner = isinstance(item, pytest.Function) and "runner" in item.fixturenames
    return Case(check, answers) if uses_runner and isinstance(check, Check) and isinstance(answers, dict) else None


def shard_key(item: pytest.Item) -> str:
    """Return the key that assigns a test to a shard: its service, the drill or image module, or the test ID."""
    checked = case(item)
    if item.path.name in {"test_drill.py", "test_image.py"}:
        return item.path.name
    return checked.label if checked else item.nodeid


def is_selected(config: pytest.Config, item: pytest.Item) -> bool:
    """Return whether a test runs: thorough tests need a large matrix or their module on the command line.

    Weekly tests run when it is their turn.
    """
    if item.get_closest_marker("weekly") and not is_due(config, item.nodeid):
        return False
    if item.path.name in "".join(config.args):
        return True
    return item.path.name not in BY_NAME and (config.option.matrix in LARGE or not item.get_closest_marker("thorough"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect tests that this run excludes, and run tests that wait for background checks last."""
    selected_items = [item for item in items if is_selected(config, item) and config.option.shard.has(shard_key(item))]
    config.hook.pytest_deselected(items=[item for item in items if item not in selected_items])

    def place(item: pytest.Item) -> tuple[bool, ...]:
        return case(item) is not None, item.path.name in BUSY, item.get_closest_marker("awaits") is not None

    items[:] = sorted(selected_items, key=place)


@pytest.fixture(scope="session")
def workspace() -> Iterator[Path]:
    """Yield a temporary directory; Git and Copier ignore the user's settings, and Copier's results are cached."""
    with scratch.workspace() as directory, scratch.isolation(directory), rendering.caching():
        yield directory


@pytest.fixture(scope="session")
def template(workspace: Path) -> Path:
    """Return a read-only repository with the template under test and one earlier release."""
    directory = workspace / "template"
    scratch.release(directory)
    return directory


@pytest.fixture(scope="session")
def history(workspace: Path) -> Path:
    """Return a read-only repository with every release of the template; the work tree is the next release."""
    directory = workspace / "history"
    build_history(directory)
    return directory


@pytest.fixture(scope="session")
def serve(workspace: Path, template: Path) -> Callable[[Answers], Service]:
    """Return a function that renders the service of given answers and caches it; other answers are defaults."""
    services: dict[str, Service] = {}
    questionnaire = all_questions()

    def service(changed: Answers) -> Service:
        answers = questionnaire.default | changed
        label = questionnaire.label(answers)
        if label not in services:
            directory = workspace / "services" / label
            rendering.render(template, directory, answers)
            services[label] = Service(label, answers, directory, rendering.tree(directory))
        return services[label]

    return service


@pytest.fixture(scope="session")
def show(pytestconfig: pytest.Config) -> Callable[[str], Meter]:
    """Return a function that creates a progress meter with a description."""
    uncaptured = pytestconfig.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled
    with uncaptured():  # so that it detects the terminal
        console = Console()
    return lambda description: Meter(console, description, uncaptured)


@pytest.fixture(scope="session")
def note(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Return a function that adds a line to the report of the run."""
    return pytestconfig.stash[REPORT].notes.append


@pytest.fixture(scope="session")
def store(workspace: Path) -> Store:
    return Store(workspace / "store")


@pytest.fixture(scope="session")
def matrix(
    request: pytest.FixtureRequest, workspace: Path, template: Path, store: Store, show: Callable[[str], Meter]
) -> Matrix:
    """Render every file of the surveyed combinations."""
    with recording() as recorder:
        renderer = Renderer(template, workspace, store, recorder)
        every = request.config.option.matrix == "product"
        matrix = render_all(surveyed_combinations(request.session), renderer, show("Rendering"), every=every)
    request.config.stash[REPORT].matrix = matrix
    return matrix


@pytest.fixture(scope="session")
def services(matrix: Matrix, store: Store, workspace: Path) -> list[Service]:
    """Return a service for each rendered combination; services with distinct code come first."""
    return rendered_services(matrix, store, workspace / "rendered")


@pytest.fixture(scope="session")
def files(services: list[Service], workspace: Path) -> Files:
    """Return every distinct file content of all services, once per path."""
    return Files(services, workspace / "files")


@pytest.fixture(scope="session")
def find_code(services: list[Service]) -> Callable[[Answers], Service]:
    """Return a function that returns the rendered service for answers to the code questions."""
    questionnaire = code_questions()
    by_label: dict[str, Service] = {}
    for each in services:
        by_label.setdefault(questionnaire.label(each.answers), each)
    return lambda answers: by_label[questionnaire.label(answers)]


@pytest.fixture
def service(request: pytest.FixtureRequest, find_code: Callable[[Answers], Service]) -> Service:
    """Return each service that the option `--matrix` selects, one per test."""
    return find_code(request.param)


@pytest.fixture
def every(request: pytest.FixtureRequest, find_code: Callable[[Answers], Service]) -> Service:
    """Return each service whose application is built, one per test."""
    return find_code(request.param)


@pytest.fixture
def each(request: pytest.FixtureRequest, find_code: Callable[[Answers], Service]) -> Service:
    """Return each of a few services, one per test, that together cover every answer."""
    return find_code(request.param)


@pytest.fixture
def example(request: pytest.FixtureRequest, find_code: Callable[[Answers], Service]) -> Service:
    """Return the service of each example domain, one per test."""
    return find_code(request.param)


@pytest.fixture
def combination(request: pytest.FixtureRequest, serve: Callable[[Answers], Service]) -> Service:
    """Return each of a few services, one per test, that together cover all pairs of answers."""
    return serve(request.param)


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Yield the database and other servers that the tests of all services share."""
    with closing(Servers()) as shared:
        yield shared


@pytest.fixture(scope="session")
def result_cache(pytestconfig: pytest.Config) -> ResultCache:
    """Return the cache of passed checks from this run and earlier runs."""
    cache = ResultCache(CACHE / "results")
    if pytestconfig.option.fresh:
        cache.clear()
    return cache


@pytest.fixture(scope="session")
def make_runner(
    pytestconfig: pytest.Config,
    workspace: Path,
    result_cache: ResultCache,
    servers: Servers,
    find_code: Callable[[Answers], Service],
) -> Iterator[Callable[..., CheckRunner]]:
    """Return a function that creates a check runner for a Python environment, by default this one."""
    with ExitStack() as runners:

        def runner(name: str, *environment: str) -> CheckRunner:
            check_runner = runners.enter_context(
                closing(CheckRunner(workspace / "runners" / name, result_cache, servers, *environment))
            )
            check_runner.seed = pytestconfig.option.order
            check_runner.warm_services = list(map(find_code, code_questions().covering(1)))
            return check_runner

        yield runner


@pytest.fixture(scope="session")
def runner(
    request: pytest.FixtureRequest, make_runner: Callable[..., CheckRunner], find_code: Callable[[Answers], Service]
) -> CheckRunner:
    """Return the check runner, with all selected checks submitted in the background."""
    runner = make_runner("checks")
    report = request.config.stash[REPORT]
    report.runner = runner
    for each in filter(None, map(case, request.session.items)):
        report.submitted.setdefault(each.label, []).append(runner.submit(find_code(each.answers), each.check))
    return runner


@pytest.fixture(scope="session", autouse=True)
def submit_checks(request: pytest.FixtureRequest) -> None:
    """Submit the checks of all services before any test runs, because they take longest."""
    if any(map(case, request.session.items)):
        request.getfixturevalue("runner")


@pytest.fixture
def empty(workspace: Path) -> Iterator[Path]:
    """Yield a path that does not exist, and delete it after the test."""
    directory = workspace / "empty"
    yield directory
    shutil.rmtree(directory, ignore_errors=True)
