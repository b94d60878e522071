"""Stock generators of clients: how to run them, count their operations, and compile what they write."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.harness.clients.toolchain import require_javac

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.harness.clients.toolchain import Toolchain

EXERCISES = Path(__file__).parent / "exercises"
OUTPUT = "client"
TSC = ("tsc", "--strict", "--skipLibCheck", "--target", "es2022", "--lib", "es2022,dom,dom.iterable")
TYPESCRIPT = (*TSC, "--module", "esnext", "--moduleResolution", "bundler", "--noEmit")
GO_MODULE = "github.com/GIT_USER_ID/GIT_REPO_ID"
# Warnings of openapi-generator about itself, and about parameters that it renames.
HARMLESS = re.compile(
    r"OpenAPI 3.1 support is still in beta|Failed to get the schema name: null|Could not compute datatypeWithEnum"
    r"|reserved word"
)
OPENAPI_GENERATOR = ("java", "-XX:TieredStopAtLevel=1", "-jar", "{jar}")


def openapi_generator(language: str, *options: str) -> tuple[str, ...]:
    return (*OPENAPI_GENERATOR, "generate", "-i", "{schema}", "-g", language, "-o", OUTPUT, *options)


def import_modules(toolchain: Toolchain, directory: Path) -> None:
    """Import every module of a Python client."""
    script = (
        "import importlib, pkgutil, sys; sys.path.insert(0, 'client'); "
        "[importlib.import_module(each.name) for each in pkgutil.walk_packages(['client']) "
        "if not each.name.startswith(('test', 'setup'))]"
    )
    toolchain.run(["python", "-c", script], directory)


def compile_typescript(toolchain: Toolchain, directory: Path) -> None:
    modules = [path for path in (directory / OUTPUT).iterdir() if path.name in {"index.ts", "schema.ts"}]
    toolchain.run([*TYPESCRIPT, *map(str, modules)], directory)


def compile_java(toolchain: Toolchain, directory: Path) -> None:
    """Compile a Java client with the libraries of the generator.

    Uploads use a library that the generator lacks.
    """
    require_javac()
    sources = [
        str(path)
        for path in (directory / OUTPUT / "src/main/java").rglob("*.java")
        if "org.apache.http" not in path.read_text(encoding="utf-8")
    ]
    options = ["-proc:none", "-nowarn", "-d", "classes", "-cp", str(toolchain.generator_jar)]
    toolchain.run(["javac", *options, str(EXERCISES / "java/Generated.java"), *sources], directory)


def compile_go(toolchain: Toolchain, directory: Path) -> None:
    """Compile a Go client, with a stub of its only library, since the Go module proxy may be unavailable."""
    shutil.rmtree(directory / OUTPUT / "test", ignore_errors=True)
    shutil.copytree(EXERCISES / "oauth2", directory / "oauth2", dirs_exist_ok=True)
    edit = ["-replace=golang.org/x/oauth2=../oauth2", "-droprequire=github.com/stretchr/testify"]
    toolchain.run(["go", "mod", "edit", *edit], directory / OUTPUT)
    toolchain.run(["go", "build", "./..."], directory / OUTPUT)


@dataclass(frozen=True)
class Generator:
    """A stock generator.

    Args:
        name: The name, as test ID.
        command: The command line; it writes to the directory `client`.
        sources: Glob pattern of the modules that contain operations.
        operation: Regular expression that matches each operation in them once.
        compiles: Checks the generated modules.
        is_slow: Whether a run takes seconds, so it runs for few shapes.
    """

    name: str
    command: tuple[str, ...]
    sources: str
    operation: str
    compiles: Callable[[Toolchain, Path], None]
    is_slow: bool = False

    def __str__(self) -> str:
        return self.name

    def generate(self, toolchain: Toolchain, schema: Path, directory: Path) -> str:
        """Write a client below a directory; return the generator's warnings and errors."""
        shutil.rmtree(directory, ignore_errors=True)  # of an earlier run that failed
        directory.mkdir(parents=True)
        values = {"schema": str(schema), "jar": str(toolchain.generator_jar)}
        output = toolchain.run([each.format_map(values) for each in self.command], directory)
        lines = [line for line in output.splitlines() if re.search(r"\bWARN|\bERROR|🛑|⚠|dropp", line)]
        return "\n".join(line for line in lines if not HARMLESS.search(line))

    def operations(self, directory: Path) -> int:
        """Return the number of operations of a generated client."""
        paths = (directory / OUTPUT).glob(self.sources)
        return sum(len(re.findall(self.operation, path.read_text(encoding="utf-8"), re.MULTILINE)) for path in paths)


GENERATORS = (
    Generator(
        "openapi-python-client",
        ("openapi-python-client", "generate", "--path", "{schema}", "--output-path", OUTPUT, "--fail-on-warning"),
        "*/api/*/*.py",
        r"^def _get_kwargs\(",
        import_modules,
    ),
    Generator(
        "openapi-typescript",
        ("openapi-typescript", "{schema}", "--default-non-nullable=false", "-o", f"{OUTPUT}/schema.ts"),
        "schema.ts",
        r"^        (?:get|put|post|patch|delete): operations\[",
        compile_typescript,
    ),
    Generator(
        "hey-api",
        ("openapi-ts", "--input", "{schema}", "--output", OUTPUT, "--client", "@hey-api/client-fetch"),
        "sdk.gen.ts",
        r"^export const \w+ = <ThrowOnError",
        compile_typescript,
    ),
    Generator(
        "orval",
        ("orval", "--input", "{schema}", "--output", f"{OUTPUT}/index.ts", "--client", "fetch"),
        "index.ts",
        r"^export const get\w+Url = \(",
        compile_typescript,
    ),
    Generator(
        "openapi-generator-python",
        openapi_generator("python"),
        "openapi_client/api/*_api.py",
        r"^    def _\w+_serialize\(",
        import_modules,
        is_slow=True,
    ),
    Generator(
        "openapi-generator-typescript",
        openapi_generator("typescript-fetch"),
        "apis/*.ts",
        r"^    async \w+Raw\(",
        compile_typescript,
        is_slow=True,
    ),
    Generator(
        "openapi-generator-java",
        openapi_generator(
            "java", "--library=native", "--additional-properties=openApiNullable=false,useJakartaEe=false"
        ),
        "src/main/java/**/api/*Api.java",
        r"^  private HttpRequest.Builder \w+RequestBuilder\(",
        compile_java,
        is_slow=True,
    ),
    Generator(
        "openapi-generator-go",
        openapi_generator("go"),
        "api_*.go",
        r"^func \(a \*\w+Service\) \w+Execute\(",
        compile_go,
        is_slow=True,
    ),
)
BY_NAME = {generator.name: generator for generator in GENERATORS}
