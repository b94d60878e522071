"""Stock client generators accept the OpenAPI schema of every service, and the clients work.

The generators are in `tests/harness/clients/generators.py`, the services in `shapes.py`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import pytest

from tests.harness.clients.generators import BY_NAME, EXERCISES, GENERATORS, GO_MODULE, TSC, TYPESCRIPT
from tests.harness.clients.shapes import FULL, SHAPES, WIDE, render_shapes
from tests.harness.clients.toolchain import (
    PACKAGES,
    REQUIREMENTS,
    InstallationError,
    Toolchain,
    install,
    require_javac,
    skip,
)
from tests.harness.readme.newcomer import serving
from tests.harness.workspace import TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.harness.clients.generators import Generator
    from tests.harness.clients.shapes import Shape

pytestmark = pytest.mark.thorough

CASES = [
    pytest.param(generator, shape, id=f"{generator}-{shape}", marks=() if shape == WIDE else pytest.mark.weekly)
    for generator in GENERATORS
    for shape in SHAPES
    if shape in {WIDE, FULL} or not generator.is_slow
]


@pytest.fixture(scope="module")
def toolchain() -> Toolchain:
    """The installed generators; without a package index, the tests are skipped, or fail in CI."""
    try:
        return install()
    except InstallationError as error:
        skip(str(error))


@pytest.fixture(scope="module")
def shapes(template: Path, workspace: Path) -> dict[str, Shape]:
    return render_shapes(template, workspace / "shapes")


@pytest.fixture(scope="module")
def generate(toolchain: Toolchain, shapes: dict[str, Shape], workspace: Path) -> Generate:
    return Generate(toolchain, shapes, workspace / "clients", {})


@dataclass
class Generate:
    """Runs each generator once for each shape."""

    toolchain: Toolchain
    shapes: dict[str, Shape]
    directory: Path
    warnings: dict[Path, str]

    def __call__(self, generator: Generator, shape: str) -> Path:
        """Return the directory of a client, which is generated if necessary."""
        directory = self.directory / f"{generator}-{shape}"
        if directory not in self.warnings:
            self.warnings[directory] = generator.generate(self.toolchain, self.shapes[shape].path, directory)
        return directory


@pytest.mark.parametrize(("generator", "shape"), CASES)
def test_generator_writes_client_with_all_operations(generator: Generator, shape: str, generate: Generate) -> None:
    directory = generate(generator, shape)
    assert generate.warnings[directory] == ""
    assert generator.operations(directory) == generate.shapes[shape].operations
    generator.compiles(generate.toolchain, directory)


@pytest.fixture(scope="module")
def url(shapes: dict[str, Shape], workspace: Path) -> Iterator[str]:
    """Run the service with every type of field, and yield its URL."""
    app = [sys.executable, "-m", "app"]
    environment = os.environ | {
        "DATABASE_URL": f"sqlite:///{workspace / 'gauges.db'}",
        "ENVIRONMENT": "development",
        "PORT": "0",
    }
    service = shapes[WIDE].service
    subprocess.run([*app, "migrate"], cwd=service, env=environment, check=True, capture_output=True)
    with serving([*app, "serve"], service, environment, workspace / "gauges.log") as url:
        yield url


@pytest.fixture(scope="module")
def gauge(url: str) -> str:
    """Create a gauge whose values are extreme, and return it as JSON."""
    body = {
        "code": "round",
        "big": 2**53 + 1,
        "other_big": -(2**63),
        "ratio": 1e-7,
        "price": "12345678.90",
        "fine": "1234567.00000001",
        "day": "0001-01-01",
        "moment": "9999-12-31T23:59:59.999999Z",
        "opens_at": "23:59:59",
        "data": {},
        "more": [{"a": [None]}],
        "entries": [],
        "kind": "größe",
    }
    request = Request(  # noqa: S310 - the address is local
        f"{url}/api/v1/gauges", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urlopen(request) as response:  # noqa: S310
        return str(response.read().decode())


def test_client_of_command_works(url: str, toolchain: Toolchain, shapes: dict[str, Shape], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "app", "client", "python", str(tmp_path / "client")]
    toolchain.run(command, shapes[WIDE].service)
    toolchain.run(["python", str(EXERCISES / "python_client.py"), url], tmp_path)


def test_command_has_versions_of_tested_generators() -> None:
    command = (TEMPLATE / "development" / "client.py").read_text(encoding="utf-8")
    packages = json.loads(PACKAGES[0].read_text(encoding="utf-8"))["dependencies"]
    requirements = REQUIREMENTS.read_text(encoding="utf-8").split()
    assert next(each for each in requirements if each.startswith("openapi-python-client")) in command
    for name in ("@hey-api/openapi-ts", "typescript"):
        assert f"{name}@{packages[name]}" in command


def test_typescript_client_works(url: str, generate: Generate) -> None:
    directory = generate(BY_NAME["hey-api"], WIDE)
    shutil.copy(EXERCISES / "typescript_client.ts", directory)
    compiles = [*TSC, "--module", "commonjs", "--outDir", "compiled", "typescript_client.ts"]
    generate.toolchain.run(compiles, directory)
    generate.toolchain.run(["node", "compiled/typescript_client.js", url], directory)


def test_types_of_openapi_typescript_accept_all_values(generate: Generate) -> None:
    directory = generate(BY_NAME["openapi-typescript"], WIDE)
    shutil.copy(EXERCISES / "typescript_types.ts", directory)
    generate.toolchain.run([*TYPESCRIPT, "typescript_types.ts"], directory)


def test_go_client_preserves_values(gauge: str, generate: Generate) -> None:
    generator = BY_NAME["openapi-generator-go"]
    directory = generate(generator, WIDE)
    generator.compiles(generate.toolchain, directory)
    shutil.copytree(EXERCISES / "roundtrip", directory / "client" / "roundtrip", dirs_exist_ok=True)
    written = generate.toolchain.run(["go", "run", f"{GO_MODULE}/roundtrip"], directory / "client", gauge)
    assert_equal_values(written, gauge)


def test_java_client_preserves_values(gauge: str, generate: Generate) -> None:
    require_javac()
    generator = BY_NAME["openapi-generator-java"]
    directory = generate(generator, WIDE)
    generator.compiles(generate.toolchain, directory)
    path = os.pathsep.join(["classes", str(generate.toolchain.generator_jar)])
    source = str(EXERCISES / "java" / "Roundtrip.java")
    generate.toolchain.run(["javac", "-proc:none", "-d", "classes", "-cp", path, source], directory)
    assert_equal_values(generate.toolchain.run(["java", "-cp", path, "Roundtrip"], directory, gauge), gauge)


def assert_equal_values(written: str, gauge: str) -> None:
    """Compare the JSON of a gauge that a client has read and written, except the notation of points in time."""
    values, expected = json.loads(written), json.loads(gauge)
    for name in ("created_at", "updated_at", "moment"):
        assert datetime.fromisoformat(values.pop(name)) == datetime.fromisoformat(expected.pop(name))
    assert values == expected
