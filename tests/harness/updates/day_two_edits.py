"""The 25 kinds of edit that users make to a service, from renamed modules to deleted sections.

Unlike `owner_edits.py`, they do not respect the places that the template reserves. Texts differ between releases, so
places are found by patterns.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MAIN, PROJECT, README = "app/main.py", "pyproject.toml", "README.md"
MODEL, SCHEMAS, SERVICE, ROUTER = (f"app/{layer}/product.py" for layer in ("models", "schemas", "services", "routers"))
GITHUB, GITLAB, DEPENDABOT = ".github/workflows/ci.yml", ".gitlab-ci.yml", ".github/dependabot.yml"
MANIFEST = "deploy/kubernetes/base/app.yaml"
RENAMED = {"app/http_client.py": "app/outbound.py"}  # what `rename_module` renames
UNNEEDED = (".devcontainer/devcontainer.json", "docs/image.md", ".editorconfig")  # the first two are deleted


@dataclass(frozen=True)
class Edit:
    """An edit that applies to services with the file `requires`."""

    make: Callable[[Path], object]
    requires: str

    def applies_to(self, service: Path) -> bool:
        return (service / self.requires).exists()


EDITS: dict[str, Edit] = {}


def edit(requires: str = MAIN) -> Callable[[Callable[[Path], object]], Callable[[Path], object]]:
    """Return a decorator that adds a function to `EDITS`.

    The function edits a service. Its key is its name with spaces instead of underscores.
    """

    def register(make: Callable[[Path], object]) -> Callable[[Path], object]:
        EDITS[make.__name__.replace("_", " ")] = Edit(make, requires)
        return make

    return register


def edit_all(service: Path) -> list[str]:
    """Make every edit that applies to a service, and return the names of those edits."""
    names = [name for name, each in EDITS.items() if each.applies_to(service)]
    for name in names:
        EDITS[name].make(service)
    return names


def substitute(file: Path, pattern: str, replacement: str) -> None:
    """Replace the first match of a pattern in a file, or fail without a match."""
    text = file.read_text(encoding="utf-8")
    changed, number = re.subn(pattern, replacement, text, count=1, flags=re.MULTILINE)
    assert number, f"{file.name} has no {pattern!r}"
    file.write_text(changed, encoding="utf-8")


def insert_above(file: Path, pattern: str, lines: str) -> None:
    """Insert lines above the first line that matches a pattern."""
    substitute(file, rf"^(?=[^\n]*(?:{pattern}))", lines.replace("\\", "\\\\"))


def insert_below(file: Path, pattern: str, lines: str) -> None:
    """Insert lines below the first line that matches a pattern."""
    substitute(file, rf"^([^\n]*(?:{pattern})[^\n]*\n)", r"\g<1>" + lines.replace("\\", "\\\\"))


def append(file: Path, lines: str) -> None:
    """Append lines to a file."""
    file.write_text(file.read_text(encoding="utf-8") + lines, encoding="utf-8")


def rename_word(service: Path, old: str, new: str) -> None:
    """Replace a whole word in every Python file of the service."""
    for file in service.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        if changed := re.sub(rf"\b{old}\b", new, text) if old in text else "":
            file.write_text(changed, encoding="utf-8")


# ── Code ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
@edit("app/identifiers.py")
def rename_function(service: Path) -> None:
    rename_word(service, "uuid7", "new_id")


@edit("app/pagination.py")
def change_constant(service: Path) -> None:
    pagination = service / "app/pagination.py"
    substitute(pagination, r"size: int = Field\(20, ge=1, le=100\)", "size: int = Field(25, ge=1, le=250)")


@edit()
def delete_files(service: Path) -> None:
    for path in [path for path in UNNEEDED if (service / path).exists()][:2]:
        (service / path).unlink()


@edit("app/http_client.py")
def rename_module(service: Path) -> None:
    for old, new in RENAMED.items():
        (service / old).rename(service / new)
    rename_word(service, "http_client", "outbound")


@edit()
def reorder_imports(service: Path) -> None:
    main = service / MAIN
    text = main.read_text(encoding="utf-8")
    block = re.search(r"^from app import \(\n(.*?)^\)", text, re.DOTALL | re.MULTILINE)
    assert block, "main.py imports the parts of the service"
    names = sorted(block[1].splitlines(keepends=True), key=lambda line: (len(line), line))
    main.write_text(text[: block.start(1)] + "".join(names) + text[block.end(1) :], encoding="utf-8")


@edit()
def add_middleware(service: Path) -> None:
    lines = '    app.add_middleware(Stopwatch, header="X-Elapsed")\n'
    insert_above(service / MAIN, r"^    return app$", lines)
    insert_below(service / MAIN, r"^from starlette\.staticfiles import", "\nfrom app.stopwatch import Stopwatch\n")
    (service / "app/stopwatch.py").write_text(STOPWATCH, encoding="utf-8")


STOPWATCH = '''\
"""Time of each request, in a header."""

from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass
class Stopwatch:
    """Middleware that measures requests."""

    app: ASGIApp
    header: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        await self.app(scope, receive, send)
'''


@edit("app/settings.py")
def add_setting(service: Path) -> None:
    lines = '    currency: str = Field("EUR", description="Set it to a code of ISO 4217.")\n'
    insert_above(service / "app/settings.py", r"docs: bool \| None = Field", lines)


@edit("app/__main__.py")
def add_command(service: Path) -> None:
    commands = service / "app/__main__.py"
    lines = 'def greet(_: argparse.Namespace) -> int:\n    """Greet whoever calls."""\n'
    lines += '    print("Hello.")\n    return 0\n\n\n'
    insert_above(commands, r"^def dev\(", lines)
    insert_above(commands, r"^    add\(check\)$", "    add(greet)\n")


# ── A resource ───────────────────────────────────────────────────────────────────────────────────────────────────────
@edit(SERVICE)
def change_resource(service: Path) -> None:
    """Add a discount to the resource `product`, as a function, a route and a test."""
    insert_above(service / SERVICE, r"^    session\.add\(product\)$", "    product.title = product.title.strip()\n")
    rule = "async def discount(session: AsyncSession, product_id: UUID, percent: int) -> Product:\n"
    rule += '    """Reduce the price of a product."""\n    product = await get(session, product_id)\n'
    rule += "    product.price -= product.price * percent / 100\n    return product\n\n\n"
    insert_above(service / SERVICE, r"^async def delete\(", rule)
    route = '@router.post("/{product_id}/discount", response_model=ProductRead, responses=described(NotFound))\n'
    route += "async def discount_product(session: Session, product_id: UUID, percent: int) -> Product:\n"
    route += '    """Reduce the price of a product."""\n'
    route += "    return await products.discount(session, product_id, percent)\n\n\n"
    insert_above(service / ROUTER, r"^@router\.patch\(", route)
    test = "\n\nasync def test_discount_of_unknown_product_returns_404(client: AsyncClient) -> None:\n"
    test += '    answer = await client.post(f"{URL}/{uuid4()}/discount", params={"percent": 5})\n'
    test += "    assert answer.status_code == 404\n"
    append(service / "tests/test_product.py", test)
    substitute(service / "tests/factories/product.py", r'Decimal\("1\.00"\)', 'Decimal("12.50")')


@edit(MODEL)
def add_column(service: Path) -> None:
    """Add a column to a resource by hand, in the model, the schemas and a migration."""
    insert_above(service / MODEL, r"^    price: Mapped", "    colour: Mapped[str | None] = mapped_column(String(20))\n")
    schemas = service / SCHEMAS
    insert_above(schemas, r"^ProductPrice = ", "ProductColour = Annotated[Line, Field(max_length=20)]\n")
    for kind, line in {
        "Create": "colour: ProductColour | None = None",
        "Update": "colour: ProductColour | MISSING | None = MISSING",
        "Read": "colour: str | None",
    }.items():
        pattern = rf"(^class Product{kind}\(.*?)(^    price: )"
        substitute(schemas, rf"(?s){pattern}", rf"\g<1>    {line}\n\g<2>")
    (service / "migrations/versions/0002_colour.py").write_text(MIGRATION, encoding="utf-8")


MIGRATION = '''\
"""Add a colour to products.

Revision 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.add_column("products", sa.Column("colour", sa.String(length=20), nullable=True))


def downgrade() -> None:
    """Take it back."""
    op.drop_column("products", "colour")
'''


@edit("tests/conftest.py")
def add_fixture(service: Path) -> None:
    fixture = (
        '@pytest.fixture\ndef currency() -> str:\n    """Return the currency of prices."""\n    return "EUR"\n\n\n'
    )
    insert_above(service / "tests/conftest.py", r'^@pytest\.fixture\(scope="session"\)', fixture)


# ── Tools ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@edit("ruff.toml")
def change_lint_rules(service: Path) -> None:
    substitute(service / "ruff.toml", r"^line-length = 100$", "line-length = 110")
    insert_above(service / "ruff.toml", r'^    "FIX",$', '    "ERA", # sketches stay\n')


@edit(PROJECT)
def ignore_types_of_library(service: Path) -> None:
    lines = '[[tool.mypy.overrides]]\nmodule = "babel.*"\nignore_missing_imports = true\n\n'
    insert_above(service / PROJECT, r"^\[tool\.pydantic-mypy\]$", lines)


@edit(PROJECT)
def change_metadata(service: Path) -> None:
    project = service / PROJECT
    substitute(project, r'^version = "0\.1\.0"$', 'version = "2.3.0"\nauthors = [{ name = "Team Shop" }]')
    insert_above(project, r"^\[project\.scripts\]$", '[project.optional-dependencies]\nexcel = ["openpyxl>=3.1"]\n\n')
    substitute(project, r"^fail_under = \d+$", "fail_under = 85")


@edit(".pre-commit-config.yaml")
def add_pre_commit_hook(service: Path) -> None:
    hook = "      - id: spelling\n        name: spelling\n        entry: uv run codespell\n        language: system\n"
    insert_below(service / ".pre-commit-config.yaml", r"^    hooks:$", hook)


@edit(".env.example")
def change_small_files(service: Path) -> None:
    insert_above(service / ".env.example", r"^# PORT=8000$", "# PORT=9000 where the proxy takes 8000\n")
    insert_below(service / ".gitignore", r"^\.idea/$", ".vscode/\n")
    if (service / DEPENDABOT).exists():
        substitute(service / DEPENDABOT, r"interval: weekly$", "interval: daily")


# ── Delivery ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@edit("Dockerfile")
def change_image(service: Path) -> None:
    insert_below(service / "Dockerfile", r"^    PYTHONUNBUFFERED=1 \\$", "    TZ=Europe/Berlin \\\n")
    substitute(service / "Dockerfile", r"--interval=10s --timeout=3s", "--interval=30s --timeout=5s")


@edit()
def change_pipeline(service: Path) -> None:
    if (service / GITHUB).exists():
        insert_below(service / GITHUB, r"^      - run: uv run ruff format --check$", "      - run: uv run codespell\n")
        substitute(service / GITHUB, r"timeout-minutes: 20$", "timeout-minutes: 45")
    else:
        insert_below(service / GITLAB, r"^    - uv run ruff format --check$", "    - uv run codespell\n")
        substitute(service / GITLAB, r"timeout: 20 minutes$", "timeout: 45 minutes")


@edit("compose.yml")
def change_composition(service: Path) -> None:
    insert_below(service / "compose.yml", r"^services:$", "  adminer:\n    image: adminer:5\n\n")
    if "image: postgres" in (service / "compose.yml").read_text(encoding="utf-8"):
        substitute(service / "compose.yml", r"image: postgres:\S+$", "image: postgis/postgis:18-3.6-alpine")


@edit(MANIFEST)
def change_manifest(service: Path) -> None:
    substitute(service / MANIFEST, r"^  name: app\nautomount", "  name: shop\nautomount")
    substitute(service / MANIFEST, r"serviceAccountName: app$", "serviceAccountName: shop")
    substitute(service / MANIFEST, r"memory: 256Mi$", "memory: 384Mi")
    substitute(service / MANIFEST, r"memory: 512Mi", "memory: 1Gi")


# ── Pages ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@edit(README)
def change_title(service: Path) -> None:
    substitute(service / README, r"\A# .*$", "# Catalogue of the shop")


@edit(README)
def delete_section(service: Path) -> None:
    substitute(service / README, r"(?s)^## Update$.*?(?=^## )", "")


@edit(README)
def add_paragraph(service: Path) -> None:
    insert_above(
        service / README, r"^## Commands$", "Ask in the channel `#shop` for an account of the test environment.\n\n"
    )


@edit()
def add_licence(service: Path) -> None:
    (service / "LICENSE").write_text("Copyright Team Shop. All rights reserved.\n", encoding="utf-8")


@edit("AGENTS.md")
def add_rule(service: Path) -> None:
    insert_above(
        service / "AGENTS.md", r"^- A revision can be undone\.", "- Prices are in euros. (`tests/test_product.py`)\n"
    )
