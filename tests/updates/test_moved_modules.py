"""Users' edits and imports follow the modules that release 0.5.0 moved into packages."""

from __future__ import annotations

import ast
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from slipway.imports.renames import module_name
from slipway.moves.declared import Moves
from tests.harness.checks.runner import environment
from tests.harness.combinations.questions import all_questions
from tests.harness.combinations.rendering import caching_renderings, render
from tests.harness.findings import assert_no_findings
from tests.harness.updates.owner_repository import Owner
from tests.harness.updates.releases import releases
from tests.harness.workspace import ROOT, commit, git

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.harness.combinations.questions import Answers
    from tests.harness.updates.releases import Release

    Moved = tuple[Path, dict[str, str], dict[str, Any], set[str]]

pytestmark = pytest.mark.thorough

MOVES = Moves.parse((ROOT / "updates/moves.toml").read_text(encoding="utf-8"))
MIN_MOVED = 90  # files of the larger services
FEATURES = ["ratelimit", "cache", "websockets", "email", "files", "observability"]
SERVICES: dict[str, Answers] = {
    "local": {"auth": "local", "tasks": "taskiq", "features": FEATURES},
    "oidc": {"auth": "oidc", "tasks": "celery", "database": "sqlite", "features": FEATURES},
}
OWN, OWN_TEST = "app/own.py", "tests/test_own.py"
FOLDERS = ("app", "development", "tests", "migrations")


def cases() -> Iterator[tuple[Release, str, Answers]]:
    """Yield the services of the last two releases, with their answers."""
    for release in releases()[-2:]:
        for name, changed in SERVICES.items():
            answers = all_questions().default | changed
            if release.offers(answers):
                yield release, name, release.restrict(answers)


CASES = {f"{release} {name}": (release, answers) for release, name, answers in cases()}


def moved(service: Path) -> dict[str, str]:
    """Map each file of a service that release 0.5.0 moves to its new path."""
    paths = [path.relative_to(service).as_posix() for path in service.rglob("*") if path.is_file()]
    return {path: MOVES.path(path) for path in sorted(paths) if MOVES.path(path) != path}


def appended(path: str) -> str:
    """Return the line that the test appends to a file as a user's edit."""
    name = path.replace("/", "_").replace(".", "_").replace("-", "_").upper()
    return f'\n\n{name} = "ours"\n' if path.endswith(".py") else f"\nOurs: {path}.\n"


def imports(service: Path, paths: Mapping[str, str]) -> str:
    """Return a user's module that imports each moved module and each renamed name."""
    lines = [f"import {module_name(path)}" for path in paths if path.startswith("app/") and path.endswith(".py")]
    for move in (move for move in MOVES.modules if move.old.startswith("app.")):
        source = next((each for each in module_files(service, move.old) if each.exists()), None)
        names = bound_names(ast.parse(source.read_text(encoding="utf-8"))) if source else set()
        lines += [f"from {move.old} import {name} as own_{name}" for name, _ in move.names if name in names]
    return '"""What this service adds."""\n\n' + "\n".join(dict.fromkeys(lines)) + "\n"


def module_files(service: Path, module: str) -> tuple[Path, Path]:
    path = service / module.replace(".", "/")
    return path.with_suffix(".py"), path / "__init__.py"


def bound_names(module: ast.Module) -> set[str]:
    """Return the names that are bound anywhere in a module."""
    names = set()
    for node in ast.walk(module):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names.update(alias.asname or alias.name.partition(".")[0] for alias in aliases)
    return names


def unresolved_imports(service: Path) -> Iterator[str]:
    """Yield each import in a service of a module or name that the service does not define."""
    paths = [path for folder in FOLDERS for path in (service / folder).rglob("*.py")]
    trees = {path.relative_to(service).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in paths}
    modules = {module_name(path): bound_names(parsed) for path, parsed in trees.items()}
    packages = {module.rpartition(".")[0] for module in modules}
    for path, parsed in trees.items():
        for node in ast.walk(parsed):
            if isinstance(node, ast.Import):
                imported = [(alias.name, "") for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                package = path.split("/")[: -node.level] if node.level else []
                base = ".".join([*package, *filter(None, [node.module])])
                imported = [(base, alias.name) for alias in node.names]
            else:
                continue
            for module, name in imported:
                known = module in modules or module in packages
                defined = not name or name in modules.get(module, ()) or f"{module}.{name}" in modules
                if module.partition(".")[0] in FOLDERS and not (known and defined):
                    yield f"{path}: {module} {name}"


@pytest.fixture(scope="module", params=[*CASES.values()], ids=[*CASES])
def updated(request: pytest.FixtureRequest, history: Path, tmp_path_factory: pytest.TempPathFactory) -> Moved:
    """A service with an edit in each moved file, updated by `slipway update`.

    Returns its directory, the moved files, the report, and the files whose last line the release rewrote.
    """
    release, answers = request.param
    directory = tmp_path_factory.mktemp("moved")
    service = directory / "service"
    with caching_renderings():
        render(history, service, answers, release.tag)
        render(history, directory / "new", answers, "v999.0.0")
        paths = moved(service)
        rewritten = {
            new for old, new in paths.items() if last_line(service / old) != last_line(directory / "new" / new)
        }
        (service / OWN).write_text(imports(service, paths), encoding="utf-8")
        for path in paths:
            text = (service / path).read_text(encoding="utf-8")
            (service / path).write_text(text + appended(path), encoding="utf-8")
        commit(service, "edited")
        owner = Owner(service)
        report = owner.update()
    result = owner.result(report).directory
    resolve(result, paths, report["conflicts"])
    return result, paths, report, rewritten


def last_line(path: Path) -> str:
    return path.read_text(encoding="utf-8").rstrip().rpartition("\n")[2] if path.exists() else ""


def resolve(service: Path, paths: Mapping[str, str], conflicts: list[str]) -> None:
    """Resolve conflicts as a user would: add the edit to the template's version."""
    sources = {target: path for path, target in paths.items()}
    for target in conflicts:
        line = appended(sources[target])
        assert line.strip() in (service / target).read_text(encoding="utf-8"), f"{target} lost {line.strip()}"
        git(service, "checkout", "--theirs", "--", target)
        with (service / target).open("a", encoding="utf-8") as file:
            file.write(line)


def test_release_moves_most_modules(updated: Moved) -> None:
    _, paths, _, _ = updated
    assert len(paths) >= MIN_MOVED


def test_edit_of_moved_file_is_in_new_file(updated: Moved) -> None:
    service, paths, report, rewritten = updated
    lost = [
        f"{path} -> {target}"
        for path, target in paths.items()
        if not (service / target).exists() or appended(path) not in (service / target).read_text(encoding="utf-8")
    ]
    assert_no_findings("\n".join(lost))
    assert (report["lost"], report["faults"]) == ([], [])
    assert set(report["conflicts"]) <= rewritten


def test_every_import_resolves_after_update(updated: Moved) -> None:
    service, _, _, _ = updated
    assert_no_findings("\n".join(unresolved_imports(service)))


def test_user_module_is_importable_after_update(updated: Moved) -> None:
    service, _, _, _ = updated
    run = subprocess.run(
        [sys.executable, "-c", "import app.own"],
        cwd=service,
        env=environment() | {"ENVIRONMENT": "test"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr


def test_moved_public_name_is_defined_or_renamed(history: Path, tmp_path: Path) -> None:
    """Every public name of the last release is defined after the update, renamed, or listed as removed."""
    with caching_renderings():
        for name, (release, answers) in CASES.items():
            render(history, tmp_path / name / "old", answers, release.tag)
            render(history, tmp_path / name / "new", answers, "v999.0.0")
    removed = {
        each for name in CASES for each in names_without_successor(tmp_path / name / "old", tmp_path / name / "new")
    }
    assert_no_findings("\n".join(sorted(removed - REMOVED)))


# Names that have no successor; CHANGELOG.md says what replaces each.
REMOVED = {
    *("app.guarded_sockets:whose", "app.own_jobs:asker"),
    *("app.services.user:find", "app.services.user:get", "app.signing:expiry"),
}


def names_without_successor(old: Path, new: Path) -> Iterator[str]:
    """Yield each public function or class of `app` that the new module does not define."""
    before, after = ({path.relative_to(root).as_posix() for path in root.rglob("*.py")} for root in (old, new))
    renames = MOVES.renames(before, after)
    for path in sorted(path for path in before if path.startswith("app/")):
        module = module_name(path)
        for node in ast.parse((old / path).read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name[0] != "_":
                target, name = renames.name(module, node.name)
                files = [each for each in module_files(new, target) if each.exists()]
                if not any(name in bound_names(ast.parse(each.read_text(encoding="utf-8"))) for each in files):
                    yield f"{module}:{node.name}"
