"""Images do what their page promises: they are built by its commands, and run."""

from __future__ import annotations

import json
import tomllib
from contextlib import contextmanager
from shutil import copy, copytree
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from packaging.markers import Marker
from packaging.utils import canonicalize_name

from tests.harness.checks.report import REPORT
from tests.harness.combinations.questions import all_questions, choices
from tests.harness.delivery.base_images import described
from tests.harness.delivery.engines import NoEngineError, bases, engine, registry
from tests.harness.delivery.images import CONFINED, Image, build, shown
from tests.harness.delivery.package_index import guarded
from tests.harness.workspace import git

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.services import Service
    from tests.harness.delivery.engines import Engine

pytestmark = pytest.mark.thorough

PLAIN: Answers = {"python_version": described()[1]}  # the default, unless this machine lacks it
FULL: Answers = PLAIN | {
    "database": "sqlite",
    "auth": "local",
    "tasks": "taskiq",
    "features": choices(all_questions().questions["features"]),
}
SERVICES = {"plain": PLAIN, "full": FULL}
MIRROR = "mirror.example"  # as a closed network may call its base images
MOST = {"plain": 60, "full": 150}  # MiB that a service adds to its base image, before they are compressed


@pytest.fixture(scope="module")
def builder(pytestconfig: pytest.Config, workspace: Path, serve: Callable[[Answers], Service]) -> Iterator[Engine]:
    """What builds and runs images here; where nothing does, the tests are skipped, unless `--images` asks for them."""
    try:
        found = engine(workspace)
        found.prepare(serve(PLAIN).files["Dockerfile"].content.decode())
    except NoEngineError as error:
        if pytestconfig.option.images:
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))
    yield found
    found.tidy()


def checkout(service: Service, directory: Path) -> Path:
    """Lay out a service as somebody has it who began to work on it."""
    copytree(service.directory, directory)
    git(directory, "init")
    git(directory, "add", "--all")
    git(directory, "commit", "--message", "Start")
    return directory


def locked(image: Image, index: str = "") -> str:
    """Lock a service, against an index of one's own or whatever uv finds here; tell the index."""
    (image.directory / "uv.lock").unlink(missing_ok=True)
    run = image.engine.types(f"env {f'UV_DEFAULT_INDEX={index}' if index else ''} uv lock", image.directory)
    assert run.returncode == 0, run.stderr
    return registry((image.directory / "uv.lock").read_text(encoding="utf-8"))


@pytest.fixture(scope="module", params=SERVICES)
def image(
    request: pytest.FixtureRequest,
    builder: Engine,
    serve: Callable[[Answers], Service],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Image]:
    """The image of the plainest service; and that of the one with most, built as in a closed network."""
    answers = SERVICES[request.param]
    directory = checkout(serve(answers), tmp_path_factory.mktemp(request.param) / "service")
    made = Image(f"slipway-{request.param}", directory, builder, answers)
    usual = locked(made)
    if answers is PLAIN:
        build(made)
    else:
        with guarded(usual) as index, mirrored(made) as arguments:
            assert locked(made, index) != usual
            build(made, *arguments, index=index)
    yield made
    made.remove()


@contextmanager
def mirrored(image: Image) -> Iterator[list[str]]:
    """Have the base images under a mirror's names, and no other where nobody else sees; give what names them."""
    engine, given = image.engine, list[str]()
    images = bases((image.directory / "Dockerfile").read_text(encoding="utf-8"))
    names = {base: f"{MIRROR}/{base.partition('/')[2]}" for base in images.values()}
    for argument, base in images.items():
        engine.does("tag", base, names[base])
        given += ["--build-arg", f"{argument}={names[base]}"]
        if engine.makes:
            engine.does("untag", base, base)
    try:
        yield given
    finally:
        for base, name in names.items():
            engine.does("tag", name, base)
            engine.does("rmi", name)


def test_it_says_what_it_is(image: Image) -> None:
    labels = image.described["Config"]["Labels"]
    project = tomllib.loads((image.directory / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    answers = yaml.safe_load((image.directory / ".copier-answers.yml").read_text(encoding="utf-8"))
    assert labels["org.opencontainers.image.title"] == project["name"]
    assert labels["org.opencontainers.image.version"] == project["version"]
    assert labels["org.opencontainers.image.revision"] == git(image.directory, "rev-parse", "HEAD").strip()
    assert labels["slipway.template.version"] == answers["_commit"]
    given = dict(line.split("=", 1) for line in image.described["Config"]["Env"])
    assert [given[name] for name in image.plan["built_with"]] == [answers["_commit"]] * len(image.plan["built_with"])


def test_no_shell_stands_before_the_service(image: Image) -> None:
    assert not image.described["Config"].get("Entrypoint")
    assert image.described["Config"]["Cmd"] == ["python", "-m", "app", "serve"]


def test_it_is_nobodys_root(image: Image) -> None:
    assert image.described["Config"]["User"] == "10001:10001"
    assert image.seen["user"] == [10001, 10001]


def test_nothing_is_in_it_that_installs(image: Image) -> None:
    assert image.seen["tools"] == []


def test_all_code_is_compiled(image: Image) -> None:
    """The packages' and the service's for good, and of the base image's own what the service imports."""
    assert image.seen["uncompiled"] == []
    assert image.seen["slow"] == []


def test_nothing_can_be_written_but_volumes(image: Image) -> None:
    assert sorted(image.seen["writable"]) == sorted(image.plan["directories"].values())


def test_no_secret_of_the_build_stays(image: Image) -> None:
    assert image.seen["secrets"] == []


def test_a_stranger_can_run_it_without_a_network(image: Image) -> None:
    """On a file system that is not written to; SIGTERM then ends it in time, and well."""
    with image.serving() as container:
        image.await_health(container)
        image.engine.does("stop", "--time", "30", container)
        assert image.engine.does("inspect", "--format", "{{.State.ExitCode}}", container) == "0"


def test_its_volumes_are_a_strangers_too(image: Image) -> None:
    """Where its data is kept in one, it can be migrated."""
    for path in image.plan["directories"].values():
        image.does("python", "-c", f"open('{path}/kept', 'x').close()")
    if image.plan["database"] == "sqlite":
        assert image.does("python", "-m", "app", "migrate") == "Migrated."


def test_what_is_not_set_is_told_in_words(image: Image) -> None:
    run = image.engine.tries("run", "--rm", *CONFINED, image.tag)
    assert run.returncode == 2
    assert "DATABASE_URL: is missing." in run.stderr
    assert "Traceback" not in run.stderr


def test_the_list_of_packages_is_true(image: Image) -> None:
    """What it lists for this system is what is installed."""
    assert image.engine.types(shown(image.directory, "cyclonedx"), image.directory).returncode == 0
    told = json.loads((image.directory / "sbom.cdx.json").read_text(encoding="utf-8"))
    listed = {(each["name"], each["version"]) for each in told["components"] if is_for_here(each)}
    assert listed == {(canonicalize_name(name), version) for name, version in image.seen["packages"]}


def is_for_here(component: dict[str, Any]) -> bool:
    """Say whether a component of the list is for this system, which is the image's too, and for the image's Python."""
    conditions = {each["name"]: each["value"] for each in component.get("properties", [])}
    marker = conditions.get("uv:package:marker")
    minor = described()[1]
    return not marker or Marker(marker).evaluate({"python_version": minor, "python_full_version": f"{minor}.0"})


def test_it_adds_little_to_its_base(image: Image, pytestconfig: pytest.Config) -> None:
    base = bases((image.directory / "Dockerfile").read_text(encoding="utf-8"))["PYTHON_IMAGE"]
    added = (image.described["Size"] - image.engine.described(base)["Size"]) / 2**20
    pytestconfig.stash[REPORT].notes.append(f"{image.tag} adds {added:.1f} MiB to its base image")
    assert added < MOST[image.tag.removeprefix("slipway-")]


@pytest.mark.parametrize("image", ["plain"], indirect=True)
def test_any_checkout_gives_the_same_image(image: Image, tmp_path: Path) -> None:
    """Layer by layer, whatever the checkout's path, and its files' modes and age."""
    if not image.engine.ages:
        pytest.skip("Docker's own builder has no option by which all files are of one age")
    other = copytree(image.directory, tmp_path / "other", copy_function=copy)
    for path in other.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    again = Image("slipway-other", other, image.engine, image.answers)
    build(again, "--no-cache")
    assert again.described["RootFS"]["Layers"] == image.described["RootFS"]["Layers"]
    again.remove()
