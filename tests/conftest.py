"""What the tests share: the template, every service that it gives, and the checks that one service passes for many."""

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
from tests.harness.checks.runner import CACHE, CheckRunner, ResultCache
from tests.harness.checks.servers import Servers
from tests.harness.checks.shards import shard
from tests.harness.combinations import rendering
from tests.harness.combinations.blobs import Store
from tests.harness.combinations.files import Files
from tests.harness.combinations.questions import OPEN, all_questions, code_questions
from tests.harness.combinations.recorder import recording
from tests.harness.combinations.render_all import Renderer, render_all
from tests.harness.combinations.services import Service, rendered
from tests.harness.updates.releases import lay_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.harness.combinations.matrix import Matrix
    from tests.harness.combinations.questions import Answers

# What is marked as thorough is run with these matrices only, or when its module is named.
LARGE = ("pairs", "triples", "all", "product")
BY_NAME = ("test_mutants.py", "test_promises.py")  # run when named only: CI does so beside all else
BUSY = ("test_every_update.py",)
BEGUN = pytest.StashKey[float]()
STRENGTHS = {"each": 1, "pairs": 2, "triples": 3}


def pytest_addoption(parser: pytest.Parser) -> None:
    options = parser.getgroup("matrix")
    options.addoption(
        "--matrix",
        choices=["each", *LARGE],
        default="each",
        help="whose own checks are run: of services in which each answer is given, any two answers meet, any three, "
        "or of every service; from pairs on, every service is built, and what is thorough is run, too; product renders "
        "every combination besides, to the letter",
    )
    options.addoption("--fresh", action="store_true", help="forget what passed in earlier runs")
    options.addoption("--seed", type=int, help="draw the samples of an earlier run again")
    options.addoption("--order", type=int, default=this_week(), help="the seed of the order of the services' tests")
    options.addoption("--picture", type=Path, default=CACHE / "matrix.svg", help="where the matrix is drawn")
    options.addoption("--domains", type=int, default=2, metavar="N", help="how many random domains are tried")
    options.addoption("--images", action="store_true", help="fail where images can be neither built nor run")
    options.addoption("--drill", action="store_true", help="fail where no production can be drilled")
    options.addoption("--mutants", type=int, default=60, metavar="N", help="how many mutants are drawn")
    options.addoption("--mutants-of", default="", metavar="NAMES", help="features, directories or files to draw from")
    options.addoption("--shard", type=shard, default="1/1", metavar="K/N", help="run the K-th of N parts")


def pytest_configure(config: pytest.Config) -> None:
    if config.option.seed is None:
        config.option.seed = random.randrange(10**6)  # noqa: S311 - samples, not secrets
    config.stash[REPORT] = Report()
    config.stash[BEGUN] = time.time()


def this_week() -> int:
    """Return the number of the week, such as 202648: a pass in one order hides no other one for longer than that."""
    year, week, _ = datetime.now(UTC).isocalendar()
    return year * 100 + week


def pytest_report_header(config: pytest.Config) -> str:
    number = sum(1 for _ in all_questions().combinations())
    return (
        f"{number} combinations; draw the same samples again with --seed={config.option.seed}, "
        f"and the tests of services in the same order with --order={config.option.order}"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tell what was proven, and draw it."""
    report = config.stash[REPORT]
    seconds = time.time() - config.stash[BEGUN]
    for line in report.lines(seconds):
        terminalreporter.write_line(line)
    if report.runner:
        config.option.picture.parent.mkdir(exist_ok=True)
        config.option.picture.write_text(report.picture(seconds), encoding="utf-8")
        terminalreporter.write_line(f"The matrix: {config.option.picture}")


def selected(config: pytest.Config) -> list[Answers]:
    """List the combinations whose services are checked, of the questions that decide code."""
    strength = STRENGTHS.get(config.option.matrix)
    return code_questions().covering(strength) if strength else list(code_questions().combinations())


def every_selected(config: pytest.Config) -> list[Answers]:
    """List the combinations whose services are built: every one, but for the newcomer's run."""
    return list(code_questions().combinations()) if config.option.matrix in LARGE else selected(config)


def domains_selected(_: pytest.Config) -> list[Answers]:
    """List one service of each domain beyond the sample; clean rooms do the rest."""
    asked = code_questions()
    return [given for given in asked.covering(2) if any(given[name] != asked.default[name] for name in OPEN)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give the tests of services their services, by readable names."""
    offered = {
        "service": (code_questions(), selected),  # of each code, as far as the matrix goes
        "every": (code_questions(), every_selected),  # of more codes, as far as what is checked is quick
        "example": (code_questions(), domains_selected),
        "each": (code_questions(), lambda _: code_questions().covering(1)),  # fewer
        "combination": (all_questions(), lambda _: all_questions().covering(2)),  # likewise, with what surrounds code
    }
    for name in offered.keys() & set(metafunc.fixturenames):
        assert name not in vars(metafunc.module), f"{metafunc.module.__name__} gives {name} another meaning"
        asked, choose = offered[name]
        answers = choose(metafunc.config)
        metafunc.parametrize(name, answers, indirect=True, ids=map(asked.label, answers))


@dataclass(frozen=True)
class Case:
    """A check and the answers of the service that is to pass it."""

    check: Check
    answers: Answers

    @property
    def label(self) -> str:
        return code_questions().label(self.answers)


def case(item: pytest.Item) -> Case | None:
    """Tell what an item checks of a service; nothing when it checks something else."""
    params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    answers = params.get("service") or params.get("every") or params.get("example")
    check = params.get("check")
    checked = isinstance(item, pytest.Function) and "runner" in item.fixturenames
    return Case(check, answers) if checked and isinstance(check, Check) and isinstance(answers, dict) else None


def kept_together(item: pytest.Item) -> str:
    """Name what is run on one machine: all checks of a service, all of its images, a drill, or a single test."""
    found = case(item)
    if item.path.name in {"test_drill.py", "test_image.py"}:
        return item.path.name
    return found.label if found else item.nodeid


def is_wanted(config: pytest.Config, item: pytest.Item) -> bool:
    """Say whether an item is run: the thorough ones with a large matrix, and all when their module is named."""
    if item.path.name in "".join(config.args):
        return True
    return item.path.name not in BY_NAME and (config.option.matrix in LARGE or not item.get_closest_marker("thorough"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Ask for the services' results in the end, when they are there; break services only when told to.

    What keeps every processor busy comes late, too, when nothing goes on in the background any more.
    """
    kept = [item for item in items if is_wanted(config, item) and config.option.shard.has(kept_together(item))]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = sorted(kept, key=lambda item: (case(item) is not None, item.path.name in BUSY))


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
def history(workspace: Path) -> Path:
    """The template with all of its releases, the work tree being the next one; not to be changed."""
    directory = workspace / "history"
    lay_out(directory)
    return directory


@pytest.fixture(scope="session")
def serve(workspace: Path, template: Path) -> Callable[[Answers], Service]:
    """Render a service, once; what is not answered is left at its default."""
    rendered: dict[str, Service] = {}
    asked = all_questions()

    def service(given: Answers) -> Service:
        answers = asked.default | given
        label = asked.label(answers)
        if label not in rendered:
            directory = workspace / "services" / label
            rendering.render(template, directory, answers)
            rendered[label] = Service(label, answers, directory, rendering.tree(directory))
        return rendered[label]

    return service


@pytest.fixture(scope="session")
def show(pytestconfig: pytest.Config) -> Callable[[str], Meter]:
    """Make what shows how far something is, by what it is called."""
    uncovered = pytestconfig.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled
    with uncovered():  # or it would take the capture for the terminal
        console = Console()
    return lambda doing: Meter(console, doing, uncovered)


@pytest.fixture(scope="session")
def note(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Report a line at the end of the run: a figure, or what could not be run here."""
    return pytestconfig.stash[REPORT].notes.append


@pytest.fixture(scope="session")
def store(workspace: Path) -> Store:
    return Store(workspace / "store")


@pytest.fixture(scope="session")
def matrix(
    pytestconfig: pytest.Config, workspace: Path, template: Path, store: Store, show: Callable[[str], Meter]
) -> Matrix:
    """Every file of every combination."""
    with recording() as recorder:
        renderer = Renderer(template, workspace, store, recorder)
        found = render_all(all_questions(), renderer, show("Rendering"), every=pytestconfig.option.matrix == "product")
    pytestconfig.stash[REPORT].matrix = found
    return found


@pytest.fixture(scope="session")
def services(matrix: Matrix, store: Store, workspace: Path) -> list[Service]:
    """Every service that was rendered: those that decide code first."""
    return rendered(matrix, store, workspace / "rendered")


@pytest.fixture(scope="session")
def files(services: list[Service], workspace: Path) -> Files:
    """Every distinct file of all services."""
    return Files(services, workspace / "files")


@pytest.fixture(scope="session")
def find_code(services: list[Service]) -> Callable[[Answers], Service]:
    """Find the service of answers to the questions that decide code, whatever surrounds it."""
    asked = code_questions()
    by_label: dict[str, Service] = {}
    for found in services:
        by_label.setdefault(asked.label(found.answers), found)
    return lambda answers: by_label[asked.label(answers)]


@pytest.fixture
def service(request: pytest.FixtureRequest, find_code: Callable[[Answers], Service]) -> Service:
    """The service of each code in turn, as far as the matrix goes."""
    return find_code(request.param)


@pytest.fixture
def every(request: pytest.FixtureRequest, find_code: Callable[[Answers], Service]) -> Service:
    """The service of each code in turn, farther than the matrix goes."""
    return find_code(request.param)


@pytest.fixture
def each(request: pytest.FixtureRequest, find_code: Callable[[Answers], Service]) -> Service:
    """Few services in turn, in which each answer is given."""
    return find_code(request.param)


@pytest.fixture
def example(request: pytest.FixtureRequest, find_code: Callable[[Answers], Service]) -> Service:
    """A service of each domain beyond the sample, in turn."""
    return find_code(request.param)


@pytest.fixture
def combination(request: pytest.FixtureRequest, serve: Callable[[Answers], Service]) -> Service:
    """Few services in turn, in which any two answers meet."""
    return serve(request.param)


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """The servers that the services need, each run once for all."""
    with closing(Servers()) as running:
        yield running


@pytest.fixture(scope="session")
def passed(pytestconfig: pytest.Config) -> ResultCache:
    """What passed in this run, and in those before."""
    cache = ResultCache(CACHE / "results")
    if pytestconfig.option.fresh:
        cache.clear()
    return cache


@pytest.fixture(scope="session")
def make_runner(
    pytestconfig: pytest.Config,
    workspace: Path,
    passed: ResultCache,
    servers: Servers,
    find_code: Callable[[Answers], Service],
) -> Iterator[Callable[..., CheckRunner]]:
    """Make what finds results in an environment, that of the harness unless another one is named."""
    with ExitStack() as runners:

        def runner(name: str, *environment: str) -> CheckRunner:
            made = runners.enter_context(
                closing(CheckRunner(workspace / "runners" / name, passed, servers, *environment))
            )
            made.seed = pytestconfig.option.order
            made.warm_services = list(map(find_code, code_questions().covering(1)))
            return made

        yield runner


@pytest.fixture(scope="session")
def runner(
    request: pytest.FixtureRequest, make_runner: Callable[..., CheckRunner], find_code: Callable[[Answers], Service]
) -> CheckRunner:
    """The results of the services' own checks, all of which begin at once, in the background."""
    runner = make_runner("checks")
    report = request.config.stash[REPORT]
    report.runner = runner
    for found in [found for item in request.session.items if (found := case(item))]:
        report.submitted.setdefault(found.label, []).append(runner.submit(find_code(found.answers), found.check))
    return runner


@pytest.fixture(scope="session", autouse=True)
def submit_checks(request: pytest.FixtureRequest) -> None:
    """Begin the services' own checks before all other tests, for they take longest."""
    if any(map(case, request.session.items)):
        request.getfixturevalue("runner")


@pytest.fixture
def empty(workspace: Path) -> Iterator[Path]:
    """A path for one test, at which there is nothing yet."""
    directory = workspace / "empty"
    yield directory
    shutil.rmtree(directory, ignore_errors=True)
