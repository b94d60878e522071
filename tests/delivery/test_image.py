"""Container images are built by the commands in `docs/image.md`, and run as that page promises."""

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
from tests.harness.delivery.base_images import python_release
from tests.harness.delivery.engines import NoEngineError, base_images, engine, registry
from tests.harness.delivery.images import CONFINED, Image, build, page_command
from tests.harness.delivery.package_index import private_index
from tests.harness.workspace import git

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.services import Service
    from tests.harness.delivery.engines import Engine

pytestmark = pytest.mark.thorough

PLAIN: Answers = {"python_version": python_release()[1]}  # the default, unless this machine lacks it
FULL: Answers = PLAIN | {
    "database": "sqlite",
    "auth": "local",
    "tasks": "taskiq",
    "features": choices(all_questions().questions["features"]),
}
SERVICES = {"plain": PLAIN, "full": FULL}
MIRROR = "mirror.example"  # a registry mirror of a closed network
MAX_ADDED = {"plain": 60, "full": 150}  # MiB that a service adds to its base image, uncompressed


@pytest.fixture(scope="module")
def builder(pytestconfig: pytest.Config, workspace: Path, serve: Callable[[Answers], Service]) -> Iterator[Engine]:
    """This machine's container engine; without one, the test is skipped, or fails with `--images`."""
    try:
        container_engine = engine(workspace)
        container_engine.prepare(serve(PLAIN).files["Dockerfile"].content.decode())
    except NoEngineError as error:
        if pytestconfig.option.images:
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))
    yield container_engine
    container_engine.clean_up()


def checkout(service: Service, directory: Path) -> Path:
    """Copy a service to a new Git repository with one commit."""
    copytree(service.directory, directory)
    git(directory, "init")
    git(directory, "add", "--all")
    git(directory, "commit", "--message", "Start")
    return directory


def locked(image: Image, index: str = "") -> str:
    """Lock a service's requirements with the given index or uv's default; return the index's URL."""
    (image.directory / "uv.lock").unlink(missing_ok=True)
    run = image.engine.shell(f"env {f'UV_DEFAULT_INDEX={index}' if index else ''} uv lock", image.directory)
    assert run.returncode == 0, run.stderr
    return registry((image.directory / "uv.lock").read_text(encoding="utf-8"))


@pytest.fixture(scope="module", params=SERVICES)
def image(
    request: pytest.FixtureRequest,
    builder: Engine,
    serve: Callable[[Answers], Service],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Image]:
    """The image of a service without features, and that of a full service built with a private index."""
    answers = SERVICES[request.param]
    directory = checkout(serve(answers), tmp_path_factory.mktemp(request.param) / "service")
    image = Image(f"slipway-{request.param}", directory, builder, answers)
    default_index = locked(image)
    if answers is PLAIN:
        build(image)
    else:
        with private_index(default_index) as index, mirrored(image) as arguments:
            assert locked(image, index) != default_index
            build(image, *arguments, index=index)
    yield image
    image.remove()


@contextmanager
def mirrored(image: Image) -> Iterator[list[str]]:
    """Tag the base images with a mirror's names; yield the build arguments that select these names."""
    engine, arguments = image.engine, list[str]()
    images = base_images((image.directory / "Dockerfile").read_text(encoding="utf-8"))
    names = {base: f"{MIRROR}/{base.partition('/')[2]}" for base in images.values()}
    for argument, base in images.items():
        engine.check_output("tag", base, names[base])
        arguments += ["--build-arg", f"{argument}={names[base]}"]
        if engine.builds_bases:
            engine.check_output("untag", base, base)
    try:
        yield arguments
    finally:
        for base, name in names.items():
            engine.check_output("tag", name, base)
            engine.check_output("rmi", name)


def test_image_labels_name_project_version_and_commit(image: Image) -> None:
    labels = image.metadata["Config"]["Labels"]
    project = tomllib.loads((image.directory / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    answers = yaml.safe_load((image.directory / ".copier-answers.yml").read_text(encoding="utf-8"))
    assert labels["org.opencontainers.image.title"] == project["name"]
    assert labels["org.opencontainers.image.version"] == project["version"]
    assert labels["org.opencontainers.image.revision"] == git(image.directory, "rev-parse", "HEAD").strip()
    assert labels["slipway.template.version"] == answers["_commit"]
    variables = dict(line.split("=", 1) for line in image.metadata["Config"]["Env"])
    assert [variables[name] for name in image.plan["built_with"]] == [answers["_commit"]] * len(
        image.plan["built_with"]
    )


def test_image_command_runs_without_shell(image: Image) -> None:
    assert not image.metadata["Config"].get("Entrypoint")
    assert image.metadata["Config"]["Cmd"] == ["python", "-m", "app", "serve"]


def test_image_user_is_not_root(image: Image) -> None:
    assert image.metadata["Config"]["User"] == "10001:10001"
    assert image.contents["user"] == [10001, 10001]


def test_image_has_no_installers(image: Image) -> None:
    assert image.contents["tools"] == []


def test_image_contains_bytecode_for_all_modules(image: Image) -> None:
    """Check that packages, the service, and imported standard modules have compiled bytecode."""
    assert image.contents["uncompiled"] == []
    assert image.contents["slow"] == []


def test_image_is_writable_only_in_volumes(image: Image) -> None:
    assert sorted(image.contents["writable"]) == sorted(image.plan["directories"].values())


def test_image_has_no_build_secrets(image: Image) -> None:
    assert image.contents["secrets"] == []


def test_image_runs_as_arbitrary_user_without_network(image: Image) -> None:
    """Run on a read-only file system; SIGTERM then stops it with exit code 0."""
    with image.serving() as container:
        image.await_health(container)
        image.engine.check_output("stop", "--time", "30", container)
        assert image.engine.check_output("inspect", "--format", "{{.State.ExitCode}}", container) == "0"


def test_arbitrary_user_can_write_to_image_volumes(image: Image) -> None:
    """Migrate a database on a volume."""
    for path in image.plan["directories"].values():
        image.check_output("python", "-c", f"open('{path}/file', 'x').close()")
    if image.plan["database"] == "sqlite":
        assert image.check_output("python", "-m", "app", "migrate") == "Migrated."


def test_container_without_required_setting_reports_it(image: Image) -> None:
    run = image.engine.run("run", "--rm", *CONFINED, image.tag)
    assert run.returncode == 2
    assert "DATABASE_URL: missing." in run.stderr
    assert "Traceback" not in run.stderr


def test_sbom_lists_exactly_the_image_packages(image: Image) -> None:
    assert image.engine.shell(page_command(image.directory, "cyclonedx"), image.directory).returncode == 0
    sbom = json.loads((image.directory / "sbom.cdx.json").read_text(encoding="utf-8"))
    listed = {(each["name"], each["version"]) for each in sbom["components"] if is_for_here(each)}
    assert listed == {(canonicalize_name(name), version) for name, version in image.contents["packages"]}


def is_for_here(component: dict[str, Any]) -> bool:
    """Return whether an SBOM component's marker matches this system and the image's Python."""
    conditions = {each["name"]: each["value"] for each in component.get("properties", [])}
    marker = conditions.get("uv:package:marker")
    minor = python_release()[1]
    return not marker or Marker(marker).evaluate({"python_version": minor, "python_full_version": f"{minor}.0"})


def test_image_adds_limited_size_to_base_image(image: Image, pytestconfig: pytest.Config) -> None:
    base = base_images((image.directory / "Dockerfile").read_text(encoding="utf-8"))["PYTHON_IMAGE"]
    added = (image.metadata["Size"] - image.engine.inspect(base)["Size"]) / 2**20
    pytestconfig.stash[REPORT].notes.append(f"{image.tag} adds {added:.1f} MiB to its base image")
    assert added < MAX_ADDED[image.tag.removeprefix("slipway-")]


@pytest.mark.parametrize("image", ["plain"], indirect=True)
def test_image_build_is_reproducible(image: Image, tmp_path: Path) -> None:
    """Build two checkouts with different paths, file modes and times; their layers are equal."""
    if not image.engine.timestamp:
        pytest.skip("Docker's builder has no option to set the time of all files")
    other = copytree(image.directory, tmp_path / "other", copy_function=copy)
    for path in other.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    rebuilt = Image("slipway-other", other, image.engine, image.answers)
    build(rebuilt, "--no-cache")
    assert rebuilt.metadata["RootFS"]["Layers"] == image.metadata["RootFS"]["Layers"]
    rebuilt.remove()
