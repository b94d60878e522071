"""A newcomer who copies a service and follows its README, word by word, gets what it promises; so does its pipeline.

Where assistants are told what to do, the newcomer does that, too.
"""

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
import yaml

from tests.harness.checks import servers
from tests.harness.checks.runner import ResultCache, Usage, key
from tests.harness.checks.servers import CONTAINERS, service_container
from tests.harness.combinations.copier_cli import copier, copy_arguments, data
from tests.harness.combinations.questions import all_questions, choices
from tests.harness.combinations.services import Service
from tests.harness.delivery import pipelines
from tests.harness.delivery.pipelines import GITHUB, GITLAB, NONE_BEFORE, Job, Step, jobs
from tests.harness.findings import assert_no_findings, format_findings
from tests.harness.readme import newcomer as newcomer_module
from tests.harness.readme.newcomer import BASE, Newcomer, checks, commands, python
from tests.harness.workspace import template_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.harness.combinations.questions import Answers

pytestmark = pytest.mark.thorough

DISK = tempfile.gettempdir()  # where uv can link what it has in its cache, rather than copy it
PAGES = ("README.md", "AGENTS.md", ".claude/skills/*/SKILL.md", ".claude/agents/*.md")
SERVER = "uv run app dev"
COPIER = "uvx --with copier-template-extensions copier"
UPDATE = "uv run template update"
DOMAIN = "domain.yml"
COMMIT = "git add --all && git commit --message Work"
# What a machine without more than uv cannot do, and who does it instead: images want their registry, and are built and
# run by `test_image.py`; vulnerabilities are listed on the internet, and looked for by whoever runs the pipeline.
ELSEWHERE = ("docker ", "uv audit")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Build a service in which each answer is given that a clean room can try."""
    if "built" in metafunc.fixturenames:
        metafunc.parametrize("built", rooms(), ids=map(all_questions().label, rooms()))


def rooms() -> list[Answers]:
    """Give each answer that decides code, with each pipeline: with all features on the default Python.

    The oldest Python is left out: the harness itself may run suites on it. Where there is no pipeline, there is nothing
    to follow but the page, which is the same.
    """
    asked = all_questions()
    everything = {name: choices(asked.questions[name]) for name in ("features", "deploy")}
    return [
        asked.default,
        asked.default | everything | {"database": "sqlite", "auth": "local", "tasks": "taskiq", "agents": False},
        asked.default | {"auth": "oidc", "tasks": "celery", "ci": "gitlab", "python_version": "3.12"},
    ]


@pytest.fixture
def newcomer(built: Answers, template: Path) -> Iterator[Newcomer]:
    with tempfile.TemporaryDirectory(prefix="slipway-newcomer-", dir=DISK, ignore_cleanup_errors=True) as room:
        service = Path(room) / "service"
        assert copier(*copy_arguments(template, service, *data(built))).returncode == 0
        yield Newcomer(service, Path(room) / "home")


def in_order(typed: list[str]) -> list[str]:
    """Leave out what this machine cannot do; a command that comes twice is run where it comes last."""
    here = [command for command in typed if not command.startswith(ELSEWHERE)]
    return [command for place, command in enumerate(here) if command not in here[place + 1 :]]


def in_place(command: str, base: str) -> str:
    """Ask the server that runs, and let curl end badly when it answers with an error."""
    return re.sub(r"^curl ", "curl --fail-with-body --silent --show-error ", BASE.sub(base, command))


def follow(newcomer: Newcomer, typed: list[str]) -> None:
    """Type one command after the other; a server goes on while the next ones are typed, and they find it."""
    base = ""
    with ExitStack() as servers:
        for command in typed:
            if command == SERVER:
                base = servers.enter_context(newcomer.serving(command))
                continue
            if DOMAIN in command:
                grow(newcomer)
            if command.startswith(UPDATE):  # of a clean working tree, as the page says
                newcomer.types(COMMIT)
            newcomer.types(in_place(command, base))


def grow(newcomer: Newcomer) -> None:
    """Declare orders, too, in a file of the domain that is recorded."""
    recorded = yaml.safe_load((newcomer.directory / ".copier-answers.yml").read_text(encoding="utf-8"))["resources"]
    orders = {"name": "order", "fields": {"number": {"type": "str", "unique": True}, "placed_on": "date"}}
    grown = {"resources": [*(each for each in recorded if each["name"] != "order"), orders]}
    (newcomer.directory / DOMAIN).write_text(yaml.safe_dump(grown, sort_keys=False), encoding="utf-8")


@pytest.mark.cleanroom
def test_what_a_service_says_is_true(
    built: Answers,
    newcomer: Newcomer,
    serve: Callable[[Answers], Service],
    result_cache: ResultCache,
    note: Callable[[str], None],
) -> None:
    """First its pages, from top to bottom; then each job of the pipeline, on a clone of what was pushed before."""
    service = serve(built)
    pages = [path for pattern in PAGES for path in sorted(newcomer.directory.glob(pattern))]
    page = "\n".join(path.read_text(encoding="utf-8") for path in pages)
    assert {SERVER, "uv run pytest", UPDATE} <= set(commands(page))
    assert len(checks(page)) >= 4
    world = seen_from(newcomer)
    newcomer.types(f"cp -R . ../pushed && cd ../pushed && git init && uv lock && {COMMIT}")
    with once(result_cache, service.digest, page, world) as new:
        if new:
            follow_page(newcomer, page)
    for job in jobs({path: file.content.decode() for path, file in service.files.items()}):
        steps = tuple(step for step in job.steps if not step.command.startswith(ELSEWHERE))
        if steps and job.python and not python(job.python):
            note(f"{service.label}: job {job.name} was not run, for Python {job.python} is not installed")
            continue
        with once(result_cache, service.digest, steps, job.python and python(job.python), world) as new:
            if new and steps:
                do(replace(job, steps=steps), newcomer, service)


def typed(service: Service) -> set[str]:
    """Name the commands that a service's pages have somebody type on this machine."""
    pages = [path for path in service.files if any(fnmatchcase(path, pattern) for pattern in PAGES)]
    page = "\n".join(service.files[path].content.decode() for path in pages)
    return {command for command in [*commands(page), *checks(page)] if not command.startswith(ELSEWHERE)}


def test_each_command_of_any_page_is_typed_in_some_room(
    services: list[Service], serve: Callable[[Answers], Service]
) -> None:
    """What asks for other resources is not typed by newcomers, and is tested in their services."""
    here = set[str]().union(*(typed(serve(given)) for given in rooms()))
    domain = all_questions().default["resources"]
    alike = [service for service in services if service.answers["resources"] == domain]
    assert len(alike) > 1000
    assert_no_findings(format_findings({service.label: sorted(typed(service) - here) for service in alike}))


def seen_from(newcomer: Newcomer) -> str:
    """Name all that the outcome depends on beside the service: template, harness, tools, and what the index offers.

    A room updates its service, so that all that renders one is read.
    """
    tools = [newcomer.types(f"{tool} --version") for tool in ("uv", "uv run --no-project python", COPIER, "git")]
    newcomer.types("uv lock")
    lock = newcomer.directory / "uv.lock"
    offered = lock.read_text(encoding="utf-8")
    lock.unlink()
    modules = (__file__, newcomer_module.__file__, pipelines.__file__, servers.__file__)
    return key(tools, offered, template_digest(), [Path(module).read_text(encoding="utf-8") for module in modules])


@contextmanager
def once(result_cache: ResultCache, *parts: object) -> Iterator[bool]:
    """Say whether something is to be done, and remember that it ended well."""
    name, begun = key(*parts), time.monotonic()
    known = result_cache.get(name) is not None
    yield not known
    if not known:
        result_cache.put(name, Usage(time.monotonic() - begun, 0, 0))


def follow_page(newcomer: Newcomer, page: str) -> None:
    follow(newcomer, in_order(commands(page)))
    newcomer.types("git add --all")
    follow(newcomer, in_order(checks(page)))
    newcomer.types("git diff --exit-code")


def do(job: Job, newcomer: Newcomer, service: Service) -> None:
    """Do a job as its runner would: on a clone, with its Python, beside its servers."""
    interpreter = python(job.python) if job.python else None
    variables = {"UV_PYTHON": interpreter} if interpreter else {}
    newcomer.types(f"git clone --quiet ../pushed ../{job.name}")
    with ExitStack() as stack:
        ports = {name: stack.enter_context(service_container(name, service)) for name in job.servers}
        for step in job.steps:
            there = {name: reaching(value, ports) for name, value in step.variables.items()}
            command = f"cd ../{job.name} && {reaching(step.command, ports)}"
            newcomer.types(command, **variables, **there)


def reaching(text: str, ports: dict[str, int]) -> str:
    """Name the servers as they are reached here."""
    for name, port in ports.items():
        text = re.sub(rf"(localhost|{name}):{CONTAINERS[name].port}\b", f"127.0.0.1:{port}", text)
    return text


@pytest.mark.cleanroom
def test_the_line_that_a_failure_tells_can_be_typed(template: Path, tmp_path: Path) -> None:
    """In a shell of one's own, at the root of the template: it makes the service, and runs the command there."""
    answers = all_questions().default | {"database": "sqlite", "ci": "none"}
    line = Service("sqlite-no-ci", answers, tmp_path, {}).shell_command("uv run app openapi")
    root = Newcomer(shutil.copytree(template, tmp_path / "root"), tmp_path / "home")
    assert '"openapi": "3.1.0"' in root.types(line)


@pytest.mark.cleanroom
def test_what_clients_would_lose_is_told_of_a_branch(template: Path, tmp_path: Path) -> None:
    """By the command that the pipelines run: red where a field is gone, until somebody says why it is."""
    answers = all_questions().default | {"database": "sqlite", "ci": "none"}
    service = tmp_path / "service"
    assert copier(*copy_arguments(template, service, *data(answers))).returncode == 0
    newcomer = Newcomer(service, tmp_path / "home")
    newcomer.types(f"git init --initial-branch main && uv lock && {COMMIT} && git checkout -b branch")
    assert "lose nothing" in newcomer.types("uv run app compare main")
    newcomer.types("sed -i /price:/d app/schemas/product.py")
    told = newcomer.types("! uv run app compare main")
    assert "✗ ProductRead.price is gone" in told
    lines = [line[2:].partition(" → ")[0] for line in told.splitlines() if line.startswith("✗ ")]
    accepted = "".join(f"{line} because it is secret.\n" for line in lines)
    (service / "api-breaks.txt").write_text(accepted, encoding="utf-8")
    newcomer.types(f"uv version --bump minor && {COMMIT}")  # by the packages of its own, from here on
    assert "what is meant to go" in newcomer.types("uv run app compare main")


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
def test_commands_are_found(page: str, expected: list[str]) -> None:
    assert commands(page) == expected


def test_checks_are_found() -> None:
    page = "| `uv run ruff check` | Lints |\n| `uv run app dev` | Serves |\n| `uv run pytest -n 2` | Tests |\n"
    assert checks(page) == ["uv run ruff check"]


def test_the_order_is_kept() -> None:
    assert in_order(["a", "b", "docker build .", "c", "a"]) == ["b", "c", "a"]


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


def test_a_workflow_is_read() -> None:
    migrates = Step("uv run app migrate", {"DATABASE_URL": "postgresql://localhost:5432/app"})
    compares = Step('uv run app compare "$BASE"', {"BASE": NONE_BEFORE})
    assert jobs({GITHUB: WORKFLOW}) == [Job("tests", "3.13", (migrates, compares), ("postgresql",))]


def test_a_pipeline_is_read() -> None:
    known = {"A": "1", "B": "2"}
    steps = [Step(command, known) for command in ("uv sync", "uv run pytest")]
    steps.append(Step('uv run app compare "$CI_COMMIT_BEFORE_SHA"', known | {"CI_COMMIT_BEFORE_SHA": NONE_BEFORE}))
    assert jobs({GITLAB: PIPELINE}) == [Job("tests", "3.12", tuple(steps), ("postgresql",))]


def test_a_server_is_reached_where_it_is() -> None:
    assert reaching("a://u@postgresql:5432/b", {"postgresql": 7}) == "a://u@127.0.0.1:7/b"
