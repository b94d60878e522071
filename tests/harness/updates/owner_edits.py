"""What owners do to their services from day to day: each edit where the service's own pages say that it belongs.

An edit leaves traces. After an update each of them is to be there, once, and to mean what it did.
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

    from tests.harness.updates.outcomes import Fate, Outcome

    Make = Callable[[Path], list["Trace"]]

FENCE = "The lines above come from the template; those below are the service's own."
HERE = "of the service's own go here"
MAIN = "app/main.py"
GITHUB, GITLAB = ".github/workflows/ci.yml", ".gitlab-ci.yml"
OVERLAY = "deploy/kubernetes/overlays/production"


@dataclass(frozen=True)
class Trace:
    """Lines that an edit left in a file, and what they mean to whoever reads the file; nothing, where it is prose."""

    path: str
    lines: str
    means: Callable[[Any], bool] | None = None

    def fate(self, found: Outcome) -> Fate:
        """Say what an update made of the lines; where they are kept, they mean what they did."""
        fate = found.fate(self.path, self.lines)
        misread = self.path not in found.conflicts and not self.is_read(found.read(self.path))
        return "lost" if fate == "kept" and misread else fate

    def is_read(self, text: str) -> bool:
        try:
            return self.means is None or bool(self.means(parsed(self.path, text)))
        except (LookupError, TypeError, ValueError, yaml.YAMLError):
            return False


def parsed(path: str, text: str) -> Any:  # noqa: ANN401 - whatever is written there
    """Read a file of settings as whatever it sets up would."""
    return tomllib.loads(text) if path.endswith(".toml") else yaml.safe_load(text)


@dataclass(frozen=True)
class Edit:
    """Something that an owner does, in services that have a certain file."""

    make: Make
    needs: str

    def concerns(self, service: Path) -> bool:
        return (service / self.needs).exists()


EDITS: dict[str, Edit] = {}


def edit(needs: str = MAIN) -> Callable[[Make], Make]:
    """List an edit, by the sentence that its name is."""

    def listed(make: Make) -> Make:
        EDITS[make.__name__.replace("_", " ")] = Edit(make, needs)
        return make

    return listed


@dataclass(frozen=True)
class Place:
    """A line that is found by parts of lines, one after another; the end of the file, where there are none."""

    parts: tuple[str, ...] = ()
    above: bool = False

    def find(self, text: str) -> int | None:
        """Tell at which character new lines go; nothing, where there is no such line."""
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


def put(
    service: Path, path: str, lines: str, *places: Place, means: Callable[[Any], bool] | None = None
) -> list[Trace]:
    """Write lines into a file, at the first of these places that it has."""
    file = service / path
    text = file.read_text(encoding="utf-8")
    at = next(found for place in places if (found := place.find(text)) is not None)
    file.write_text(text[:at] + lines + text[at:], encoding="utf-8")
    return [Trace(path, lines, means)]


def new(service: Path, path: str, text: str) -> list[Trace]:
    """Add a file."""
    (service / path).write_text(text, encoding="utf-8")
    return [Trace(path, text)]


# ── Requirements, and how the tools are set up ───────────────────────────────────────────────────────────────────────
@edit()
def a_library_is_required(service: Path) -> list[Trace]:
    return add(service, "babel>=2.17", lambda project: "babel>=2.17" in project["project"]["dependencies"])


@edit()
def a_library_is_required_by_tests(service: Path) -> list[Trace]:
    library = "respx>=0.22"
    return add(service, library, lambda project: library in project["dependency-groups"]["test"], "--group", "test")


def add(service: Path, library: str, means: Callable[[Any], bool], *options: str) -> list[Trace]:
    """Have uv add a requirement, without a look at what there is."""
    command = ["uv", "add", "--quiet", "--frozen", "--raw", *options, library]
    subprocess.run(command, cwd=service, check=True, capture_output=True)
    return [Trace("pyproject.toml", f'    "{library}",\n', means)]


@edit()
def types_of_a_library_are_not_checked(service: Path) -> list[Trace]:
    lines = '[[tool.mypy.overrides]]\nmodule = "babel.*"\nignore_missing_imports = true\n\n'
    place = above("[tool.pydantic-mypy]")
    return put(service, "pyproject.toml", lines, place, means=lambda it: it["tool"]["mypy"]["overrides"])


@edit()
def tests_are_not_looked_for_everywhere(service: Path) -> list[Trace]:
    lines = 'norecursedirs = ["assets"]\n'
    place = above("[tool.coverage.run]")
    return put(service, "pyproject.toml", lines, place, means=lambda it: it["tool"]["pytest"]["norecursedirs"])


@edit()
def more_of_the_code_is_to_be_tested(service: Path) -> list[Trace]:
    project = service / "pyproject.toml"
    text = project.read_text(encoding="utf-8")
    project.write_text(text.replace("fail_under = 90\n", "fail_under = 95\n"), encoding="utf-8")
    return [Trace("pyproject.toml", "fail_under = 95\n")]


@edit()
def a_rule_of_style_is_left_out(service: Path) -> list[Trace]:
    lines = '    "ERA", # we keep sketches\n'
    place = below('"S607",')
    return put(service, "ruff.toml", lines, place, means=lambda it: "ERA" in it["lint"]["ignore"])


@edit()
def a_folder_has_a_style_of_its_own(service: Path) -> list[Trace]:
    lines = '"scripts/**" = ["INP001", "T201"]\n'
    return put(service, "ruff.toml", lines, END, means=lambda it: it["lint"]["per-file-ignores"]["scripts/**"])


@edit()
def a_hook_runs_before_commits(service: Path) -> list[Trace]:
    lines = """\
      - id: spelling
        name: spelling
        entry: uv run codespell
        language: system
        types: [markdown]
"""
    return put(
        service,
        ".pre-commit-config.yaml",
        lines,
        END,
        means=lambda it: "spelling" in [hook["id"] for hook in it["repos"][0]["hooks"]],
    )


@edit()
def files_are_ignored(service: Path) -> list[Trace]:
    return put(service, ".gitignore", "/exports/\n", below(FENCE))


@edit()
def a_folder_goes_into_the_image(service: Path) -> list[Trace]:
    return put(service, ".dockerignore", "!assets\n", below("!uv.lock"))


# ── Code ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
@edit()
def a_router_is_added(service: Path) -> list[Trace]:
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
    return new(service, "app/routers/welcome.py", text)


@edit()
def a_test_is_added(service: Path) -> list[Trace]:
    text = '''\
"""What the owner added: there, and reached."""

from httpx2 import AsyncClient


async def test_nobody_is_at_home(client: AsyncClient) -> None:
    assert (await client.get("/api/v1/nowhere")).status_code == 404
'''
    return new(service, "tests/test_own.py", text)


@edit()
def a_model_and_a_service_are_added(service: Path) -> list[Trace]:
    model = '''\
"""Notes, as they are kept."""

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Identified


class Note(Identified, Base):
    """Something worth knowing."""

    __tablename__ = "notes"

    text: Mapped[str] = mapped_column(Text)
'''
    verbs = '''\
"""What can be done with notes."""

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
    columns = 'sa.Column("id", sa.Uuid(), nullable=False), sa.Column("text", sa.Text(), nullable=False)'
    key = 'sa.PrimaryKeyConstraint("id", name=op.f("pk_notes"))'
    return [
        *new(service, "app/models/note.py", model),
        *new(service, "app/services/note.py", verbs),
        *migration(service, "notes", f'op.create_table("notes", {columns}, {key})', 'op.drop_table("notes")'),
    ]


@edit("app/models/product.py")
def a_field_is_added_to_a_resource(service: Path) -> list[Trace]:
    column = "    colour: Mapped[str | None] = mapped_column(String(20))\n"
    shown, sent = "    colour: str | None\n", "    colour: ProductColour | None = None\n"
    kind = "ProductColour = Annotated[Line, Field(max_length=20)]\n"
    schema = "app/schemas/product.py"
    return [
        *put(service, "app/models/product.py", column, below("class Product(", "released_on:")),
        *put(service, schema, kind, below("ProductPrice = ")),
        *put(service, schema, sent, below("class ProductCreate(", "released_on:")),
        *put(service, schema, shown, below("class ProductRead(", "released_on:")),
        *migration(
            service,
            "colour",
            'op.add_column("products", sa.Column("colour", sa.String(length=20), nullable=True))',
            'op.drop_column("products", "colour")',
        ),
    ]


def migration(service: Path, name: str, there: str, back: str) -> list[Trace]:
    """Write the revision that comes after the last."""
    versions = service / "migrations" / "versions"
    last = max(path.name[:4] for path in versions.glob("*.py"))
    number = f"{int(last) + 1:04}"
    text = f'''\
"""What the owner changes: {name}.

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
    return new(service, f"migrations/versions/{number}_{name}.py", text)


@edit("app/models/product.py")
def rows_are_changed_by_a_migration(service: Path) -> list[Trace]:
    there = 'products = sa.table("products", sa.column("description", sa.Text()))\n    '
    there += 'op.execute(products.update().where(products.c.description == "").values(description=None))'
    return migration(service, "blank_descriptions", there, '"""There is no way back, and none is needed."""')


@edit("app/services/product.py")
def something_more_can_be_done_with_a_resource(service: Path) -> list[Trace]:
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
        *put(service, "app/services/product.py", verb, above("async def export(")),
        *put(service, "app/routers/product.py", route, above('@router.get("/{product_id}"')),
    ]


@edit()
def a_setting_is_added(service: Path) -> list[Trace]:
    lines = '    motto: str = Field("", description="Set it to a few words, or leave it out.")\n'
    return put(service, "app/settings.py", lines, below("class Settings(", "documentation is off", "    )"))


@edit()
def a_variable_is_explained(service: Path) -> list[Trace]:
    return put(service, ".env.example", "\n# A few words that we live by.\n# MOTTO=Slowly, but surely\n", END)


@edit()
def a_part_is_added(service: Path) -> list[Trace]:
    text = '''\
"""A part of the owner's own."""

from fastapi import FastAPI


def install(app: FastAPI) -> None:
    """Remember that it is there."""
    app.state.pantry = True
'''
    return [
        *new(service, "app/pantry.py", text),
        *put(service, MAIN, "from app.pantry import install as install_pantry\n", below("from app import (", ")")),
        *put(service, MAIN, "    install_pantry(app)\n", below(HERE), above("    routers.install(app)")),
    ]


@edit()
def tests_share_something_more(service: Path) -> list[Trace]:
    lines = '''

@pytest.fixture
def motto(monkeypatch: pytest.MonkeyPatch) -> str:
    """Set the owner's motto, for one test."""
    monkeypatch.setenv("MOTTO", "Slowly, but surely")
    return "Slowly, but surely"
'''
    return put(service, "tests/conftest.py", lines, END)


# ── What is read ─────────────────────────────────────────────────────────────────────────────────────────────────────
@edit()
def a_page_is_added(service: Path) -> list[Trace]:
    return new(service, "docs/on_call.md", "# On call\n\nWhoever is on call has the phone.\n")


@edit()
def a_section_is_added_to_the_readme(service: Path) -> list[Trace]:
    lines = "## Who to ask\n\nThe team of the shop: [docs/on_call.md](docs/on_call.md).\n\n"
    return put(service, "README.md", lines, above("## Configuration"))


@edit()
def the_readme_has_an_end_of_our_own(service: Path) -> list[Trace]:
    return put(service, "README.md", "\n## Licence\n\nOurs alone.\n", END)


@edit("AGENTS.md")
def assistants_are_told_something(service: Path) -> list[Trace]:
    return put(service, "AGENTS.md", "\n## Ours\n\nPrices are in euros.\n", below(FENCE))


# ── What surrounds the code ──────────────────────────────────────────────────────────────────────────────────────────
@edit()
def another_server_is_composed(service: Path) -> list[Trace]:
    lines = """\
  adminer:
    image: adminer:5
    ports: ["127.0.0.1:8080:8080"]

"""
    places = below("services:", HERE), above("\nvolumes:")
    return put(service, "compose.yml", lines, *places, means=lambda it: it["services"]["adminer"]["image"])


@edit()
def the_composed_service_has_another_variable(service: Path) -> list[Trace]:
    return put(
        service,
        "compose.yml",
        "    MOTTO: Slowly\n",
        above("    ENVIRONMENT: development"),
        means=lambda it: it["services"]["app"]["environment"]["MOTTO"],
    )


@edit()
def the_image_has_another_package(service: Path) -> list[Trace]:
    lines = """\
RUN apt-get update && apt-get install --yes --no-install-recommends libmagic1 && rm -rf /var/lib/apt/lists/*
"""
    return put(service, "Dockerfile", lines, below(HERE), below("FROM ${PYTHON_IMAGE}\n", "WORKDIR /srv"))


@edit()
def the_image_has_another_folder(service: Path) -> list[Trace]:
    return put(service, "Dockerfile", "COPY assets /srv/assets\n", below(HERE), above("# The base image's own library"))


@edit(GITHUB)
def github_does_another_step(service: Path) -> list[Trace]:
    step = "uv run codespell docs"
    return put(
        service,
        GITHUB,
        f"      - run: {step}\n",
        below("- run: uv run mypy"),
        means=lambda it: step in [each.get("run") for each in it["jobs"]["lint"]["steps"]],
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
def github_does_another_job(service: Path) -> list[Trace]:
    return put(service, GITHUB, JOB, below(HERE), END, means=lambda it: it["jobs"]["links"]["steps"])


@edit(".github/dependabot.yml")
def actions_are_kept_fresh(service: Path) -> list[Trace]:
    lines = "  - package-ecosystem: npm\n    directory: /web\n    schedule:\n      interval: weekly\n"
    path = ".github/dependabot.yml"
    return put(service, path, lines, below("updates:"), means=lambda it: it["updates"][0]["package-ecosystem"] == "npm")


@edit(GITLAB)
def gitlab_does_another_step(service: Path) -> list[Trace]:
    step = "uv run codespell docs"
    return put(
        service, GITLAB, f"    - {step}\n", below("- uv run mypy"), means=lambda it: step in it["lint"]["script"]
    )


@edit(GITLAB)
def gitlab_does_another_job(service: Path) -> list[Trace]:
    lines = '\nlinks:\n  stage: check\n  script:\n    - "true"\n'
    return put(service, GITLAB, lines, below(HERE), END, means=lambda it: it["links"]["script"])


@edit(f"{OVERLAY}/settings.env")
def production_is_set_up(service: Path) -> list[Trace]:
    return put(service, f"{OVERLAY}/settings.env", "MOTTO=Slowly\n", below(FENCE))


@edit(f"{OVERLAY}/kustomization.yaml")
def production_has_more_of_the_image(service: Path) -> list[Trace]:
    lines = "replicas:\n  - name: app\n    count: 3\n"
    path = f"{OVERLAY}/kustomization.yaml"
    return put(service, path, lines, below(FENCE), means=lambda it: it["replicas"][0]["count"] == 3)


@edit("fly.toml")
def the_machines_are_set_up(service: Path) -> list[Trace]:
    lines = 'MOTTO = "Slowly"\n'
    return put(service, "fly.toml", lines, below("[env]", "GRACE_SECONDS = "), means=lambda it: it["env"]["MOTTO"])
