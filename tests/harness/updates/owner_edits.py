"""Everyday edits of a service, each made at the place that the service's pages name.

After an update each insertion must occur exactly once, and take effect.
"""

from __future__ import annotations

import subprocess
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.harness.updates.outcomes import EditStatus, Outcome

    Make = Callable[[Path], list["Insertion"]]

DIVIDER = "The lines above come from the template; those below are the service's own."
SLOT = "# Add your own "
MAIN = "app/main.py"
GITHUB, GITLAB = ".github/workflows/ci.yml", ".gitlab-ci.yml"
OVERLAY = "deploy/kubernetes/overlays/production"


@dataclass(frozen=True)
class Insertion:
    """Lines inserted into a file, and a function that checks their effect.

    `has_effect` receives the parsed file; it is None for prose.
    """

    path: str
    lines: str
    has_effect: Callable[[Any], bool] | None = None

    def status(self, outcome: Outcome) -> EditStatus:
        """Classify the inserted lines after an update.

        Lines without effect count as lost.
        """
        status = outcome.status(self.path, self.lines)
        ineffective = self.path not in outcome.conflicts and not self.takes_effect(outcome.read(self.path))
        return "lost" if status == "preserved" and ineffective else status

    def takes_effect(self, text: str) -> bool:
        try:
            return self.has_effect is None or bool(self.has_effect(parsed(self.path, text)))
        except (LookupError, TypeError, ValueError, yaml.YAMLError):
            return False


def parsed(path: str, text: str) -> Any:  # noqa: ANN401 - whatever the file contains
    """Return the contents of a TOML or YAML file."""
    return tomllib.loads(text) if path.endswith(".toml") else yaml.safe_load(text)


@dataclass(frozen=True)
class Edit:
    """An edit that applies to services with the file `requires`."""

    make: Make
    requires: str

    def applies_to(self, service: Path) -> bool:
        return (service / self.requires).exists()


EDITS: dict[str, Edit] = {}


def edit(requires: str = MAIN) -> Callable[[Make], Make]:
    """Return a decorator that adds a function to `EDITS`.

    The function edits a service. Its key is its name with spaces instead of underscores.
    """

    def register(make: Make) -> Make:
        EDITS[make.__name__.replace("_", " ")] = Edit(make, requires)
        return make

    return register


@dataclass(frozen=True)
class Place:
    """A position for inserted lines, at the end of a file or beside one of its lines.

    `parts` are substrings that occur in this order; lines are inserted below or above the last.
    """

    parts: tuple[str, ...] = ()
    above: bool = False

    def find(self, text: str) -> int | None:
        """Return the offset at which to insert lines; None if the substrings do not occur."""
        at = 0
        for part in self.parts:
            at = text.find(part, at)
            if at < 0:
                return None
        if self.above:
            return text.rfind("\n", 0, at + 1) + 1
        return text.index("\n", at) + 1 if self.parts else len(text)


def below(*parts: str) -> Place:
    return Place(parts)


def above(*parts: str) -> Place:
    return Place(parts, above=True)


END = Place()


def insert(
    service: Path, path: str, lines: str, *places: Place, has_effect: Callable[[Any], bool] | None = None
) -> list[Insertion]:
    """Insert lines into a file, at the first of `places` that exists in it."""
    file = service / path
    text = file.read_text(encoding="utf-8")
    at = next(offset for place in places if (offset := place.find(text)) is not None)
    file.write_text(text[:at] + lines + text[at:], encoding="utf-8")
    return [Insertion(path, lines, has_effect)]


def create(service: Path, path: str, text: str) -> list[Insertion]:
    """Write a new file, and return its text as an insertion."""
    (service / path).write_text(text, encoding="utf-8")
    return [Insertion(path, text)]


# ── Dependencies and tools ───────────────────────────────────────────────────────────────────────
@edit()
def add_dependency(service: Path) -> list[Insertion]:
    return uv_add(service, "babel>=2.17", lambda project: "babel>=2.17" in project["project"]["dependencies"])


@edit()
def add_test_dependency(service: Path) -> list[Insertion]:
    library = "respx>=0.22"
    return uv_add(service, library, lambda project: library in project["dependency-groups"]["test"], "--group", "test")


def uv_add(service: Path, library: str, has_effect: Callable[[Any], bool], *options: str) -> list[Insertion]:
    """Add a requirement with `uv add --frozen`, which does not resolve versions."""
    command = ["uv", "add", "--quiet", "--frozen", "--raw", *options, library]
    subprocess.run(command, cwd=service, check=True, capture_output=True)
    return [Insertion("pyproject.toml", f'    "{library}",\n', has_effect)]


@edit()
def ignore_types_of_library(service: Path) -> list[Insertion]:
    lines = '[[tool.mypy.overrides]]\nmodule = "babel.*"\nignore_missing_imports = true\n\n'
    place = above("[tool.pydantic-mypy]")
    return insert(service, "pyproject.toml", lines, place, has_effect=lambda it: it["tool"]["mypy"]["overrides"])


@edit()
def skip_test_directory(service: Path) -> list[Insertion]:
    lines = 'norecursedirs = ["assets"]\n'
    place = above("[tool.coverage.run]")
    return insert(service, "pyproject.toml", lines, place, has_effect=lambda it: it["tool"]["pytest"]["norecursedirs"])


@edit()
def raise_coverage_threshold(service: Path) -> list[Insertion]:
    project = service / "pyproject.toml"
    text = project.read_text(encoding="utf-8")
    project.write_text(text.replace("fail_under = 90\n", "fail_under = 95\n"), encoding="utf-8")
    return [Insertion("pyproject.toml", "fail_under = 95\n")]


@edit()
def ignore_lint_rule(service: Path) -> list[Insertion]:
    lines = '    "ERA", # we keep sketches\n'
    place = below('"S607",')
    return insert(service, "ruff.toml", lines, place, has_effect=lambda it: "ERA" in it["lint"]["ignore"])


@edit()
def ignore_lint_rules_of_folder(service: Path) -> list[Insertion]:
    lines = '"scripts/**" = ["INP001", "T201"]\n'
    return insert(service, "ruff.toml", lines, END, has_effect=lambda it: it["lint"]["per-file-ignores"]["scripts/**"])


@edit()
def add_pre_commit_hook(service: Path) -> list[Insertion]:
    lines = """\
      - id: spelling
        name: spelling
        entry: uv run codespell
        language: system
        types: [markdown]
"""
    return insert(
        service,
        ".pre-commit-config.yaml",
        lines,
        END,
        has_effect=lambda it: "spelling" in [hook["id"] for hook in it["repos"][0]["hooks"]],
    )


@edit()
def ignore_files_in_git(service: Path) -> list[Insertion]:
    return insert(service, ".gitignore", "/exports/\n", below(DIVIDER))


@edit()
def include_folder_in_image(service: Path) -> list[Insertion]:
    return insert(service, ".dockerignore", "!assets\n", below("!uv.lock"))


# ── Code ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
@edit()
def add_router(service: Path) -> list[Insertion]:
    text = '''\
"""A word of welcome, over HTTP."""

from typing import Literal

from fastapi import APIRouter

router = APIRouter(prefix="/welcome", tags=["welcome"])


@router.get("")
async def welcome() -> Literal["Welcome!"]:
    """Say a word of welcome."""
    return "Welcome!"
'''
    return create(service, "app/routers/welcome.py", text)


@edit()
def add_test(service: Path) -> list[Insertion]:
    text = '''\
"""Tests of the owner's additions."""

from httpx2 import AsyncClient


async def test_unknown_route_returns_404(client: AsyncClient) -> None:
    assert (await client.get("/api/v1/nowhere")).status_code == 404
'''
    return create(service, "tests/test_own.py", text)


NOTE_MODEL = '''\
"""The table of notes."""

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Identified


class Note(Identified, Base):
    """Something worth knowing."""

    __tablename__ = "notes"

    text: Mapped[str] = mapped_column(Text)
'''
NOTE_SERVICE = '''\
"""Operations on notes."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.database import flush
from app.models.note import Note


async def create(session: AsyncSession, text: str) -> Note:
    """Add a note."""
    note = Note(text=text)
    session.add(note)
    await flush(session)
    return note
'''


@edit()
def add_model_and_service(service: Path) -> list[Insertion]:
    columns = 'sa.Column("id", sa.Uuid(), nullable=False), sa.Column("text", sa.Text(), nullable=False)'
    key = 'sa.PrimaryKeyConstraint("id", name=op.f("pk_notes"))'
    return [
        *create(service, "app/models/note.py", NOTE_MODEL),
        *create(service, "app/services/note.py", NOTE_SERVICE),
        *migration(service, "notes", f'op.create_table("notes", {columns}, {key})', 'op.drop_table("notes")'),
    ]


@edit("app/models/product.py")
def add_resource_field(service: Path) -> list[Insertion]:
    column = "    colour: Mapped[str | None] = mapped_column(String(20))\n"
    shown, sent = "    colour: str | None\n", "    colour: ProductColour | None = None\n"
    kind = "ProductColour = Annotated[Line, Field(max_length=20)]\n"
    schema = "app/schemas/product.py"
    return [
        *insert(service, "app/models/product.py", column, below("class Product(", "released_on:")),
        *insert(service, schema, kind, below("ProductPrice = ")),
        *insert(service, schema, sent, below("class ProductCreate(", "released_on:")),
        *insert(service, schema, shown, below("class ProductRead(", "released_on:")),
        *migration(
            service,
            "colour",
            'op.add_column("products", sa.Column("colour", sa.String(length=20), nullable=True))',
            'op.drop_column("products", "colour")',
        ),
    ]


MIGRATION = '''\
"""Apply the owner's change: {name}.

Revision {number}, after {last}.
"""

import sqlalchemy as sa
from alembic import op

revision = "{number}"
down_revision = "{last}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    {there}


def downgrade() -> None:
    """Take it back."""
    {back}
'''


def migration(service: Path, name: str, there: str, back: str) -> list[Insertion]:
    """Create an Alembic migration with the given upgrade and downgrade after the last one."""
    versions = service / "migrations" / "versions"
    last = max(path.name[:4] for path in versions.glob("*.py"))
    number = f"{int(last) + 1:04}"
    text = MIGRATION.format(name=name, number=number, last=last, there=there, back=back)
    return create(service, f"migrations/versions/{number}_{name}.py", text)


@edit("app/models/product.py")
def add_data_migration(service: Path) -> list[Insertion]:
    there = 'products = sa.table("products", sa.column("description", sa.Text()))\n    '
    there += 'op.execute(products.update().where(products.c.description == "").values(description=None))'
    return migration(service, "blank_descriptions", there, '"""There is no way back, and none is needed."""')


@edit("app/services/product.py")
def add_resource_operation(service: Path) -> list[Insertion]:
    verb = '''\
async def total(session: AsyncSession) -> int:
    """Count the products."""
    return await session.scalar(COUNT) or 0


'''
    route = '''\
@router.get("/total")
async def count_products(session: ReadSession) -> int:
    """Count the products."""
    return await products.total(session)


'''
    return [
        *insert(service, "app/services/product.py", verb, above("async def export(")),
        *insert(service, "app/routers/product.py", route, above('@router.get("/{product_id}"')),
    ]


@edit()
def add_setting(service: Path) -> list[Insertion]:
    lines = '    motto: str = Field("", description="Set it to a few words, or leave it out.")\n'
    return insert(service, "app/settings.py", lines, below("class Settings(", "documentation is off", "    )"))


@edit()
def document_variable(service: Path) -> list[Insertion]:
    return insert(service, ".env.example", "\n# A few words that we live by.\n# MOTTO=Slowly, but surely\n", END)


@edit()
def add_app_component(service: Path) -> list[Insertion]:
    text = '''\
"""A part of the owner's own."""

from fastapi import FastAPI


def install(app: FastAPI) -> None:
    """Remember that it is there."""
    app.state.pantry = True
'''
    return [
        *create(service, "app/pantry.py", text),
        *insert(service, MAIN, "from app import pantry\n", below("# isort: split"), below("from app import (", ")")),
        *insert(service, MAIN, "    pantry.install(app)\n", below(SLOT), above("    routers.install(app)")),
    ]


@edit()
def add_fixture(service: Path) -> list[Insertion]:
    lines = '''

@pytest.fixture
def motto(monkeypatch: pytest.MonkeyPatch) -> str:
    """Set the owner's motto, for one test."""
    monkeypatch.setenv("MOTTO", "Slowly, but surely")
    return "Slowly, but surely"
'''
    return insert(service, "tests/conftest.py", lines, END)


# ── Documentation ─────────────────────────────────────────────────────────────────────────────────────────────────────
@edit()
def add_page(service: Path) -> list[Insertion]:
    return create(service, "docs/on_call.md", "# On call\n\nWhoever is on call has the phone.\n")


@edit()
def add_readme_section(service: Path) -> list[Insertion]:
    lines = "## Who to ask\n\nThe team of the shop: [docs/on_call.md](docs/on_call.md).\n\n"
    return insert(service, "README.md", lines, above("## Configuration"))


@edit()
def append_to_readme(service: Path) -> list[Insertion]:
    return insert(service, "README.md", "\n## Licence\n\nOurs alone.\n", END)


@edit("AGENTS.md")
def add_agent_instructions(service: Path) -> list[Insertion]:
    return insert(service, "AGENTS.md", "\n## Ours\n\nPrices are in euros.\n", below(DIVIDER))


# ── Deployment and CI ──────────────────────────────────────────────────────────────────────────────────────────
@edit()
def add_compose_service(service: Path) -> list[Insertion]:
    lines = """\
  adminer:
    image: adminer:5
    ports: ["127.0.0.1:8080:8080"]

"""
    places = below("services:", SLOT), above("\nvolumes:")
    return insert(service, "compose.yml", lines, *places, has_effect=lambda it: it["services"]["adminer"]["image"])


@edit()
def add_compose_variable(service: Path) -> list[Insertion]:
    return insert(
        service,
        "compose.yml",
        "    MOTTO: Slowly\n",
        above("    ENVIRONMENT: development"),
        has_effect=lambda it: it["services"]["app"]["environment"]["MOTTO"],
    )


@edit()
def add_image_package(service: Path) -> list[Insertion]:
    lines = """\
RUN apt-get update && apt-get install --yes --no-install-recommends libmagic1 && rm -rf /var/lib/apt/lists/*
"""
    return insert(service, "Dockerfile", lines, below(SLOT), below("FROM ${PYTHON_IMAGE}\n", "WORKDIR /srv"))


@edit()
def add_image_folder(service: Path) -> list[Insertion]:
    return insert(
        service, "Dockerfile", "COPY assets /srv/assets\n", below(SLOT), above("# The base image's own library")
    )


@edit(GITHUB)
def add_github_step(service: Path) -> list[Insertion]:
    step = "uv run codespell docs"
    return insert(
        service,
        GITHUB,
        f"      - run: {step}\n",
        below("- run: uv run mypy"),
        has_effect=lambda it: step in [each.get("run") for each in it["jobs"]["lint"]["steps"]],
    )


JOB = """
  links:
    name: Links
    runs-on: ubuntu-latest
    timeout-minutes: 5
    permissions:
      contents: read
    steps:
      - run: "true"
"""


@edit(GITHUB)
def add_github_job(service: Path) -> list[Insertion]:
    return insert(service, GITHUB, JOB, below(SLOT), END, has_effect=lambda it: it["jobs"]["links"]["steps"])


@edit(".github/dependabot.yml")
def add_dependabot_ecosystem(service: Path) -> list[Insertion]:
    lines = "  - package-ecosystem: npm\n    directory: /web\n    schedule:\n      interval: weekly\n"
    path = ".github/dependabot.yml"
    return insert(
        service, path, lines, below("updates:"), has_effect=lambda it: it["updates"][0]["package-ecosystem"] == "npm"
    )


@edit(GITLAB)
def add_gitlab_step(service: Path) -> list[Insertion]:
    step = "uv run codespell docs"
    return insert(
        service, GITLAB, f"    - {step}\n", below("- uv run mypy"), has_effect=lambda it: step in it["lint"]["script"]
    )


@edit(GITLAB)
def add_gitlab_job(service: Path) -> list[Insertion]:
    lines = '\nlinks:\n  stage: check\n  script:\n    - "true"\n'
    return insert(service, GITLAB, lines, below(SLOT), END, has_effect=lambda it: it["links"]["script"])


@edit(f"{OVERLAY}/settings.env")
def set_production_variable(service: Path) -> list[Insertion]:
    return insert(service, f"{OVERLAY}/settings.env", "MOTTO=Slowly\n", below(DIVIDER))


@edit(f"{OVERLAY}/kustomization.yaml")
def set_production_replicas(service: Path) -> list[Insertion]:
    lines = "replicas:\n  - name: app\n    count: 3\n"
    path = f"{OVERLAY}/kustomization.yaml"
    return insert(service, path, lines, below(DIVIDER), has_effect=lambda it: it["replicas"][0]["count"] == 3)


@edit("fly.toml")
def set_fly_variable(service: Path) -> list[Insertion]:
    lines = 'MOTTO = "Slowly"\n'
    return insert(
        service, "fly.toml", lines, below("[env]", "GRACE_SECONDS = "), has_effect=lambda it: it["env"]["MOTTO"]
    )
