"""Commands of a service's README, agent instructions and pipeline succeed in a clean room."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.harness.checks import servers
from tests.harness.checks.runner import ResultCache, Usage, key
from tests.harness.checks.servers import CONTAINERS, service_container
from tests.harness.checks.shards import due
from tests.harness.combinations.copier_cli import copier, copy_arguments, data
from tests.harness.combinations.questions import all_questions, choices
from tests.harness.combinations.services import Service
from tests.harness.delivery import pipelines
from tests.harness.delivery.pipelines import GITHUB, GITLAB, NULL_COMMIT, Job, Step, jobs
from tests.harness.findings import assert_no_findings, format_findings
from tests.harness.readme import newcomer as newcomer_module
from tests.harness.readme.newcomer import BASE, Newcomer, checks, commands, python
from tests.harness.workspace import template_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.harness.combinations.questions import Answers

pytestmark = pytest.mark.thorough

DISK = tempfile.gettempdir()  # on the disk of uv's cache, for links instead of copies
PAGES = ("README.md", "AGENTS.md", ".claude/skills/*/SKILL.md", ".claude/agents/*.md")
SERVER = "uv run app dev"
COPIER = "uvx --with copier-template-extensions --with ruff copier"
SLIPWAY = "uv run slipway.py"
SUITE = "uv run pytest"
QUICK_SUITE = f'{SUITE} -m "not drill"'  # a part of the suite
TEST_MODULE = re.compile(r"tests/(?:\w+/)*test_\w+\.py$")
TRANSACTIONS = "tests/database/test_transactions.py"
COMMIT = "git add --all && git commit --message Work"
# Commands that need a registry or the internet; `test_image.py` builds and runs images.
UNAVAILABLE = ("docker ", "uv audit")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize `built` by the clean rooms' answers: all of them, or in CI another one each week."""
    if "built" in metafunc.fixturenames:
        selected = due(metafunc.config, rooms())
        metafunc.parametrize("built", selected, ids=map(all_questions().label, selected))


def rooms() -> list[Answers]:
    """Return the answers of all clean rooms, which together cover each CI host and each accounts provider.

    The oldest Python is left out: the harness itself may run on it. Services without a pipeline have the same pages.
    """
    questionnaire = all_questions()
    everything = {name: choices(questionnaire.questions[name]) for name in ("features", "deploy")}
    return [
        questionnaire.default | everything | {"auth": "local", "tasks": "taskiq", "agents": False},
        questionnaire.default
        | {"database": "sqlite", "auth": "oidc", "tasks": "celery", "ci": "gitlab", "python_version": "3.12"},
        questionnaire.default,
    ]


def pipeline(service: Service) -> list[Job]:
    """Return the pipeline's jobs; a job with service containers runs only the test modules that use them."""
    files = {path: file.content.decode() for path, file in service.files.items()}
    return [
        replace(job, steps=tuple(narrowed(step, reaching(job, files)) for step in job.steps)) for job in jobs(files)
    ]


def reaching(job: Job, files: dict[str, str]) -> list[str]:
    """Return the test modules that name a job's server, or use the database."""
    named = [path for path, text in files.items() if TEST_MODULE.match(path) and any(map(text.count, job.servers))]
    return sorted({*named, TRANSACTIONS} if job.servers else ())


def narrowed(step: Step, modules: list[str]) -> Step:
    """Return a step that runs the given test modules instead of the whole suite, if there are any."""
    some = f"uv run pytest -m 'not drill' {' '.join(modules)}"
    return replace(step, command=some) if modules and step.command.startswith(SUITE) else step


@pytest.fixture
def newcomer(built: Answers, template: Path) -> Iterator[Newcomer]:
    with tempfile.TemporaryDirectory(prefix="slipway-newcomer-", dir=DISK, ignore_cleanup_errors=True) as room:
        service = Path(room) / "service"
        assert copier(*copy_arguments(template, service, *data(built))).returncode == 0
        yield Newcomer(service, Path(room) / "home")


def without_suite(page: list[str], service: Service) -> list[str]:
    """Return the page's commands without the test suite, which the pipeline runs; the default service keeps it once."""
    suites = {QUICK_SUITE} if service.answers == all_questions().default else {QUICK_SUITE, SUITE}
    return [command for command in page if command not in suites]


def runnable_commands(typed: list[str]) -> list[str]:
    """Return the commands that this machine can run; of repeated commands only the last."""
    available = [command for command in typed if not command.startswith(UNAVAILABLE)]
    return [command for place, command in enumerate(available) if command not in available[place + 1 :]]


def with_base(command: str, base: str) -> str:
    """Return the command with the server's base URL, in which curl fails on HTTP errors."""
    return re.sub(r"^curl ", "curl --fail-with-body --silent --show-error ", BASE.sub(base, command))


def follow(newcomer: Newcomer, typed: list[str]) -> None:
    """Run commands in order; servers keep running for the following ones."""
    base = ""
    with ExitStack() as servers:
        for command in typed:
            if command == SERVER:
                base = servers.enter_context(newcomer.serving(command))
                continue
            if command.startswith(SLIPWAY):  # requires a clean work tree
                newcomer.run(f"{COMMIT} --allow-empty")
            newcomer.run(with_base(command, base))


@pytest.mark.cleanroom
def test_page_and_pipeline_commands_succeed_in_clean_room(
    built: Answers,
    newcomer: Newcomer,
    serve: Callable[[Answers], Service],
    result_cache: ResultCache,
    note: Callable[[str], None],
) -> None:
    """Run the commands of the service's pages in order, then each pipeline job on a clone."""
    service = serve(built)
    pages = [path for pattern in PAGES for path in sorted(newcomer.directory.glob(pattern))]
    page = "\n".join(path.read_text(encoding="utf-8") for path in pages)
    assert {SERVER, SUITE, f"{SLIPWAY} update"} <= set(commands(page))
    assert len(checks(page)) >= 4
    versions = environment_key(newcomer)
    newcomer.run(f"cp -R . ../pushed && cd ../pushed && git init && uv lock && {COMMIT}")
    with once(result_cache, service.digest, page, versions) as new:
        if new:
            follow_page(newcomer, page, service)
    for job in pipeline(service):
        steps = tuple(step for step in job.steps if not step.command.startswith(UNAVAILABLE))
        if steps and job.python and not python(job.python):
            note(f"{service.label}: job {job.name} was not run, for Python {job.python} is not installed")
            continue
        with once(result_cache, service.digest, steps, job.python and python(job.python), versions) as new:
            if new and steps:
                run_job(replace(job, steps=steps), newcomer, service)


def page_commands(service: Service) -> set[str]:
    """Return the commands of a service's pages that this machine can run."""
    pages = [path for path in service.files if any(fnmatchcase(path, pattern) for pattern in PAGES)]
    page = "\n".join(service.files[path].content.decode() for path in pages)
    return {command for command in [*commands(page), *checks(page)] if not command.startswith(UNAVAILABLE)}


def test_every_page_command_runs_in_a_clean_room(services: list[Service], serve: Callable[[Answers], Service]) -> None:
    """Only services of the sample domain are compared; example domains have their own tests."""
    run_in_rooms = set[str]().union(*(page_commands(serve(answers)) for answers in rooms()))
    domain = all_questions().default["resources"]
    same_domain = [service for service in services if service.answers["resources"] == domain]
    assert len(same_domain) > 1000
    assert_no_findings(
        format_findings({service.label: sorted(page_commands(service) - run_in_rooms) for service in same_domain})
    )


def environment_key(newcomer: Newcomer) -> str:
    """Return a cache key of the tools, packages and modules that a clean room's result depends on.

    That is the template (a room updates its service), the harness, tools, and the packages of the index.
    """
    tools = [newcomer.run(f"{tool} --version") for tool in ("uv", "uv run --no-project python", COPIER, "git")]
    newcomer.run("uv lock")
    lock = newcomer.directory / "uv.lock"
    packages = lock.read_text(encoding="utf-8")
    lock.unlink()
    modules = (__file__, newcomer_module.__file__, pipelines.__file__, servers.__file__)
    return key(tools, packages, template_digest(), [Path(module).read_text(encoding="utf-8") for module in modules])


@contextmanager
def once(result_cache: ResultCache, *parts: object) -> Iterator[bool]:
    """Yield whether a run with this cache key is needed; record a pass unless the body raises."""
    name, started = key(*parts), time.monotonic()
    passed = result_cache.get(name) is not None
    yield not passed
    if not passed:
        result_cache.put(name, Usage(time.monotonic() - started, 0, 0))


def follow_page(newcomer: Newcomer, page: str, service: Service) -> None:
    follow(newcomer, runnable_commands(without_suite(commands(page), service)))
    newcomer.run("git add --all")
    follow(newcomer, runnable_commands(checks(page)))
    newcomer.run("git diff --exit-code")


def run_job(job: Job, newcomer: Newcomer, service: Service) -> None:
    """Run a pipeline job as its runner does: on a clone, with the job's Python version and service containers."""
    interpreter = python(job.python) if job.python else None
    variables = {"UV_PYTHON": interpreter} if interpreter else {}
    newcomer.run(f"git clone --quiet ../pushed ../{job.name}")
    with ExitStack() as stack:
        ports = {name: stack.enter_context(service_container(name, service)) for name in job.servers}
        for step in job.steps:
            of_step = {name: with_ports(value, ports) for name, value in step.variables.items()}
            command = f"cd ../{job.name} && {with_ports(step.command, ports)}"
            newcomer.run(command, **variables, **of_step)


def with_ports(text: str, ports: dict[str, int]) -> str:
    """Return a text in which servers' host names and ports are replaced by local ones."""
    for name, port in ports.items():
        text = re.sub(rf"(localhost|{name}):{CONTAINERS[name].port}\b", f"127.0.0.1:{port}", text)
    return text


@pytest.mark.cleanroom
def test_reported_shell_command_succeeds_outside_harness(template: Path, tmp_path: Path) -> None:
    """Run the shell line that a failed check reports, in a new shell at the template's root."""
    answers = all_questions().default | {"database": "sqlite", "ci": "none"}
    line = Service("sqlite-no-ci", answers, tmp_path, {}).shell_command("uv run app openapi")
    root = Newcomer(shutil.copytree(template, tmp_path / "root"), tmp_path / "home")
    assert '"openapi": "3.1.0"' in root.run(line)


@pytest.mark.cleanroom
def test_compare_command_reports_breaking_changes_on_branch(template: Path, tmp_path: Path) -> None:
    """Run the pipelines' `compare` command: it fails on a removed field until a reason is given."""
    answers = all_questions().default | {"database": "sqlite", "ci": "none"}
    service = tmp_path / "service"
    assert copier(*copy_arguments(template, service, *data(answers))).returncode == 0
    newcomer = Newcomer(service, tmp_path / "home")
    newcomer.run(f"git init --initial-branch main && uv lock && {COMMIT} && git checkout -b branch")
    assert "No breaking changes" in newcomer.run("uv run app compare main")
    newcomer.run("sed -i /price:/d app/schemas/product.py")
    output = newcomer.run("! uv run app compare main")
    assert "✗ ProductRead.price was removed" in output
    lines = [line[2:].partition(" → ")[0] for line in output.splitlines() if line.startswith("✗ ")]
    accepted = "".join(f"{line} because it is secret.\n" for line in lines)
    (service / "api-breaks.txt").write_text(accepted, encoding="utf-8")
    newcomer.run(f"uv version --bump minor && {COMMIT}")  # with its own packages, from here on
    assert "No unaccepted breaking changes" in newcomer.run("uv run app compare main")


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("```sh\nuv run app dev\n\n# then\nuv run pytest\n```\n", ["uv run app dev", "uv run pytest"]),
        ("```sh\nuv sync && uv run pytest\n```\n", ["uv sync", "uv run pytest"]),
        ("```console\n$ curl \\\n  here\n```\ntext\n```sh\nls\n```\n", ["curl    here", "ls"]),
        ("```python\nimport app\n```\n`uv run ruff`\n", []),
    ],
    ids=["lines", "chained", "continued", "others"],
)
def test_commands_in_fenced_blocks_are_parsed(page: str, expected: list[str]) -> None:
    assert commands(page) == expected


def test_checks_in_page_table_are_parsed() -> None:
    page = "| `uv run ruff check` | Lints |\n| `uv run app dev` | Serves |\n| `uv run pytest -n 2` | Tests |\n"
    assert checks(page) == ["uv run ruff check"]


def test_repeated_page_command_runs_only_at_last_place() -> None:
    assert runnable_commands(["a", "b", "docker build .", "c", "a"]) == ["b", "c", "a"]


WORKFLOW = """
jobs:
  tests:
    services: {postgresql: {image: "postgres:18"}}
    steps:
      - uses: actions/checkout@v7
      - uses: astral-sh/setup-uv@v10
        with: {python-version: "3.13"}
      - run: uv run app migrate
        env: {DATABASE_URL: "postgresql://localhost:5432/app"}
      - run: uv run app compare "$BASE"
        env: {BASE: "${{ github.event.pull_request.base.sha || github.event.before }}"}
      - run: docker compose logs
        if: failure()
"""
PIPELINE = """
default: {timeout: 20 minutes}
.uv:
  image: python:3.12-slim
  variables: {UV_CACHE_DIR: here, A: "1"}
  before_script: [uv sync]
tests:
  extends: .uv
  services: [{name: "postgres:18", alias: postgresql}]
  variables: {B: "2"}
  script: [uv run pytest, uv run app compare "$CI_COMMIT_BEFORE_SHA"]
"""


def test_github_workflow_is_parsed_into_jobs() -> None:
    migration = Step("uv run app migrate", {"DATABASE_URL": "postgresql://localhost:5432/app"})
    comparison = Step('uv run app compare "$BASE"', {"BASE": NULL_COMMIT})
    assert jobs({GITHUB: WORKFLOW}) == [Job("tests", "3.13", (migration, comparison), ("postgresql",))]


def test_gitlab_pipeline_is_parsed_into_jobs() -> None:
    variables = {"A": "1", "B": "2"}
    steps = [Step(command, variables) for command in ("uv sync", "uv run pytest")]
    steps.append(Step('uv run app compare "$CI_COMMIT_BEFORE_SHA"', variables | {"CI_COMMIT_BEFORE_SHA": NULL_COMMIT}))
    assert jobs({GITLAB: PIPELINE}) == [Job("tests", "3.12", tuple(steps), ("postgresql",))]


def test_server_address_in_variables_is_replaced_by_local_port() -> None:
    assert with_ports("a://u@postgresql:5432/b", {"postgresql": 7}) == "a://u@127.0.0.1:7/b"


def test_job_with_servers_runs_only_modules_using_them() -> None:
    files = {
        GITHUB: WORKFLOW.replace("app migrate", "pytest --cov"),
        "tests/test_a.py": "a",
        "tests/test_b.py": "postgresql",
    }
    (job,) = jobs(files)
    assert reaching(job, files) == [TRANSACTIONS, "tests/test_b.py"]
    assert narrowed(job.steps[0], ["tests/test_b.py"]).command == "uv run pytest -m 'not drill' tests/test_b.py"
    assert narrowed(job.steps[1], ["tests/test_b.py"]) == job.steps[1]
    assert reaching(replace(job, servers=()), files) == []
